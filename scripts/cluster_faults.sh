#!/usr/bin/env bash
# The tests of nodes that share channels in which something fails (a node dies, NATS is away or frozen, streams
# differ, a node does not answer), again and again: what fails once in twenty times is a fault. Half an hour.
#
#   scripts/cluster_faults.sh              20 times
#   scripts/cluster_faults.sh 5            so many times
#
# scripts/test.sh integration installs what it needs. SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=cluster_faults.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

FAULTS='dies or away or frozen or told_by_its_end or before_nats or whose_streams or haproxy or does_not_answer
    or another_configuration'

times=${1:-20}
[[ $times =~ ^[1-9][0-9]{0,3}$ ]] || die "how many times? $times is no number"
cd "$root"
for program in .venv/bin/python .venv/nats/nats-server; do
    [ -x $program ] || die "$program is missing: scripts/test.sh integration installs it"
done
build_server
failed=0 log=$(mktemp)
for ((run = 1; run <= times; run++)); do
    SWITCHBOARD_BIN=$server_bin .venv/bin/python -m pytest -c tests/pytest.ini --rootdir tests -q --numprocesses 2 \
        --dist loadgroup tests/test_cluster.py -k "${FAULTS//$'\n'/ }" >"$log" 2>&1 || {
        failed=$((failed + 1))
        tail -n 30 "$log"
    }
    say "$run of $times, $failed failed: $(tail -n 1 "$log")"
done
rm -f "$log"
[ $failed -eq 0 ] || die "$failed of $times runs failed"
say "passed $times times"
