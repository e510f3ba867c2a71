#!/usr/bin/env bash
# How slow readers affect the other readers of a hot channel: 9,000 subscribers alone, and the same
# beside 1,000 whose windows are zero, in turn. Prints the latencies of the 9,000 and what the slow
# ones cost.
#
#   scripts/slow_readers.sh                      on io_uring, three rounds
#   ... --plane io_uring|epoll                   on this plane
#   ... --rounds N                               so many
#   ... --connections N                          so many in all, a tenth of them slow; 10,000
#
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=slow_readers.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

plane=io_uring rounds=3 connections=10000
while [ $# -gt 0 ]; do
    case $1 in
    --plane)
        check_plane "${2:-}"
        plane=$2
        ;;
    --rounds | --connections)
        [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 needs a number"
        if [ "$1" = --rounds ]; then rounds=$2; else connections=$2; fi
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
    shift 2
done

build_programs
records=$(mktemp -d)
trap 'rm -rf "$records"' EXIT

# measure MODE ROUND CONNECTIONS OPTION...: one run against a fresh server. The slow ones fill up within
# the first seconds, and the rest of the run is what they do to the others.
measure() {
    local mode=$1 round=$2 count=$3
    shift 3
    start_server "$plane" --cores 1
    if ! "$load_bin" "$mode" "ws://$public/sub/{channel}" --connections "$count" "$@" \
        --publish-url "http://$internal/pub/{channel}" --rate 5 --size 8192 --duration 20s \
        --pid "$server_pid" --quiet --json >"$records/$mode.$round.json"; then
        die "a run of $mode failed: $(cat "$records/$mode.$round.json")"
    fi
    stop_server
}

for ((round = 1; round <= rounds; round++)); do
    measure fanout "$round" $((connections - connections / 10))
    measure slow "$round" "$connections" --slow-percent 10
    say "round $round of $rounds"
done
say
python3 "$scripts/slow_readers_table.py" "$records"
