#!/usr/bin/env bash
# Changes the code of a crate in one place after another and runs the tests each time: what no test
# notices is a bound, a branch or a result that nobody holds. By hand, not in CI: each change takes the
# time of a build and of the tests.
#
#   scripts/mutants.sh shard                     all of crates/shard
#   ... --sample K/N                             every Nth of them, beginning with the Kth (from 0)
#   ... -- OPTION...                             for cargo-mutants, such as --file or --re
#
# The results are in target/mutants/CRATE: caught.txt, missed.txt, timeout.txt, unviable.txt. Exit status
# 2 when a change was missed, 3 when tests hung.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=27.1.0

usage() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
die() { printf 'mutants.sh: %s\n' "$*" >&2; exit 1; }

crate=${1:-}
case $crate in
-h | --help)
    usage
    exit 0
    ;;
'')
    usage >&2
    exit 64
    ;;
esac
[ -d "crates/$crate" ] || die "there is no crates/$crate"
shift

options=()
while [ $# -gt 0 ]; do
    case $1 in
    --sample)
        [[ ${2:-} =~ ^[0-9]+/[1-9][0-9]*$ ]] || die "--sample needs K/N"
        options+=(--shard "$2" --sharding round-robin)
        shift 2
        ;;
    --)
        shift
        options+=("$@")
        break
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
done

# Whose tests know the crate best. All others take more time than they would find.
tested=(--test-package "switchboard-$crate")
case $crate in
plane)
    # The simulated plane is what tests of other crates stand on, and the self-tests and probes ask
    # what kernels can do that are not this one.
    tested+=(--test-package switchboard-link --exclude 'crates/plane/src/sim/**')
    ;;
hub) tested+=(--test-package switchboard-dialects) ;;
esac

command -v cargo >/dev/null || die "cargo is missing"
cargo mutants --version >/dev/null 2>&1 || cargo install --locked "cargo-mutants@$VERSION"

# Five times what the tests take on the code as it is, unless the options say how long.
timeouts=(--minimum-test-timeout 30 --timeout-multiplier 5)
[[ " ${options[*]} " != *" --timeout "* ]] || timeouts=()

results=target/mutants/$crate
mkdir -p "$results"
# A folder of its own for what is built, kept for the next run. Debug information would take a third of
# the time of each build; the level of optimization stays that of `dev`, which the simulation needs.
export CARGO_TARGET_DIR=$PWD/target/mutants/build
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1
# A fifth of the schedules finds nearly all that all of them find; set it to run more.
export SIM_SEEDS=${SIM_SEEDS:-50}
nice -n 10 cargo mutants --package "switchboard-$crate" "${tested[@]}" --output "$results" --jobs 1 \
    --build-timeout 300 "${timeouts[@]}" --no-shuffle --colors never --caught --unviable "${options[@]}"
