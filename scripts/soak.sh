#!/usr/bin/env bash
# Ten minutes of 2,000 clients in five ways to listen (WebSocket with switchboard.v1, event stream,
# long poll, interval poll, the protocol of Centrifuge), which break off at random, in order or not, and
# go on where they were. At the end each must have exactly the sequence from where it began to the last
# publication: nothing lost, nothing twice, no gap. Exit status 1 otherwise.
#
#   scripts/soak.sh                              on the plane that the server chooses
#   ... --plane io_uring|epoll                   on this one
#   ... --seconds N                              how long to publish; 600 when not given
#   ... --clients N                              a fifth of them in each way; 2,000 when not given
#   ... --rate R                                 publications a second in all 20 channels; 25
#
# SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=soak.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

plane=auto passed_on=()
while [ $# -gt 0 ]; do
    case $1 in
    --plane)
        check_plane "${2:-}"
        plane=$2
        ;;
    --seconds | --clients | --rate)
        [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 needs a number"
        passed_on+=("$1" "$2")
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

command -v python3 >/dev/null || die "python3 is missing"
build_server
start_server "$plane"
say "server $server_pid on $public, $plane"
status=0
(cd "$scripts" && python3 -m soak --public "$public" --internal "$internal" --pid "$server_pid" \
    "${passed_on[@]}") || status=$?
[ "$status" -eq 0 ] || sed 's/^/  server: /' "$server_log" >&2
stop_server
case $status in
0) say "passed: nothing lost, nothing twice, no gap" ;;
130) exit 130 ;;
*) die "failed; see above" ;;
esac
