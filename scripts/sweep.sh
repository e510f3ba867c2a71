#!/usr/bin/env bash
# Switchboard over a range of loads, on this machine: subscribers, sizes, channels, notifications, unsent
# limits, shards, storms. Prints tables in markdown; docs/benchmarks/sweep.md has those of a quiet machine.
#
#   scripts/sweep.sh                        all parts, 3 rounds, about 25 minutes
#   scripts/sweep.sh --rounds 1 sizes       one round of one part
#   scripts/sweep.sh --help                 all options
#
# Kernel settings that are too small for 100,000 connections are set as root, and put back at the end.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=sweep.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/tuning.sh
source "$scripts/lib/tuning.sh"

export PYTHONPATH=$root/bench
case " $* " in
*' -h '* | *' --help '*) exec python3 -m sweep --help ;;
esac
build_programs
export SWITCHBOARD_BIN=$server_bin SWITCHBOARD_LOAD_BIN=$load_bin
trap 'tuning_undo >&2' EXIT
if tuning_may_apply; then
    tuning_settings 100000 both
    tuning_apply >&2 || say "  going on without what was refused" >&2
fi
python3 -m sweep "$@"
