#!/usr/bin/env bash
# Ten thousand connections, held and served: starts the server, opens 10,000 WebSockets and holds
# them, then fans messages out to 10,000 subscribers and verifies every delivery, stops the server.
# Under two minutes for both planes, which a table at the end shows side by side.
#
#   scripts/c10k.sh                    on io_uring, then on epoll
#   scripts/c10k.sh --plane epoll      on one of them
#   ... --report DIR                   where the reports go; a new folder in $TMPDIR otherwise
#
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=c10k.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

CONNECTIONS=10000

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

planes=(io_uring epoll) reports=''
while [ $# -gt 0 ]; do
    case $1 in
    --plane)
        check_plane "${2:-}"
        planes=("$2")
        shift 2
        ;;
    --report)
        [ -n "${2:-}" ] || die "--report needs a folder"
        reports=$2
        shift 2
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
done
reports=${reports:-$(default_reports)}

build_programs
started=$SECONDS failed=0
for plane in "${planes[@]}"; do
    # A fresh server for each run: memory that an earlier run left behind would hide what the next
    # one takes.
    start_server "$plane"
    say "$plane: server $server_pid on $public"
    describe "$plane" "scripts/c10k.sh --plane $plane"
    "$load_bin" idle "ws://$public/sub/{channel}" --connections $CONNECTIONS \
        --connect-rate 5000 --hold 5s --pid "$server_pid" "${described[@]}" \
        --report "$reports/$plane/idle" || failed=1
    stop_server
    start_server "$plane"
    "$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --connections $CONNECTIONS --rate 5 --duration 10s --pid "$server_pid" "${described[@]}" \
        --report "$reports/$plane/fanout" || failed=1
    stop_server
done

say
python3 "$scripts/c10k_table.py" "$reports" "${planes[@]}"
say
say "reports, after $((SECONDS - started)) s:"
for plane in "${planes[@]}"; do
    say "  $reports/$plane/idle/index.html"
    say "  $reports/$plane/fanout/index.html"
done
if [ $failed -ne 0 ]; then
    die "a run did not pass; see above"
fi
say "passed: 10,000 connections on ${planes[*]}"
