#!/usr/bin/env bash
# Counts the instructions of the hot paths and fails when one takes more than its budget in
# bench/micro/budgets.toml. The counts do not depend on how busy the machine is. Half a minute
# after the build; installs valgrind where it is missing.
#
#   scripts/instructions.sh            all
#   scripts/instructions.sh NAME...    only these, by their names in the table
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*"; }
die() { printf 'instructions.sh: %s\n' "$*" >&2; exit 69; }

# shellcheck source=scripts/lib/packages.sh
source scripts/lib/packages.sh

install_packages valgrind=valgrind
# As the server is built for release: what is counted is what runs.
exec cargo run --quiet --release --locked -p switchboard-bench --bin instructions -- "$@"
