#!/usr/bin/env bash
# Time from the start of the process to its start-up line, on both planes: median and slowest of 20
# starts each.
#
#   scripts/startup.sh [STARTS]
#
# SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=startup.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

starts=${1:-20}
[[ $starts =~ ^[1-9][0-9]{0,3}$ ]] || die "the number of starts is 1 to 9999, not $starts"

# one_start PLANE: milliseconds until it listens; then it is stopped.
one_start() {
    local begun line pid
    begun=${EPOCHREALTIME/[.,]/}
    coproc SERVER {
        exec env -u SWITCHBOARD_BIN -u SWITCHBOARD_LOAD_BIN "$server_bin" --plane "$1" \
            --listen 127.0.0.1:0 --internal-listen 127.0.0.1:0 2>&1
    }
    pid=${SERVER_PID:?} # by coproc
    while IFS= read -r line <&"${SERVER[0]}"; do
        [[ $line != *'listening on http://'* ]] || break
    done
    awk -v us=$((${EPOCHREALTIME/[.,]/} - begun)) 'BEGIN { printf "%.1f\n", us / 1000 }'
    kill -TERM "$pid"
    wait "$pid" || true
}

SWITCHBOARD_LOAD_BIN=${SWITCHBOARD_LOAD_BIN:-/bin/true} # not needed, so not built
build_programs
printf '| plane | starts | median (ms) | slowest (ms) |\n|---|---|---|---|\n'
for plane in io_uring epoll; do
    for ((i = 0; i < starts; i++)); do one_start "$plane"; done | sort -n |
        awk -v plane="$plane" '{ ms[NR] = $1 } END { printf "| %s | %d | %s | %s |\n", plane, NR, ms[int((NR + 1) / 2)], ms[NR] }'
done
