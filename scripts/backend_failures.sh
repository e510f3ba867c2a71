#!/usr/bin/env bash
# How a backend that fails affects the clients that listen: a channel that is published to by HTTP 50 times
# a second and its 1,000 subscribers, while other clients come and ask, so that the server asks the backend 120
# times a second, which
#   healthy   answers at once
#   hang      takes every question and never answers
#   dead      is not there
#   garbage   answers with what is no answer
#   flood     answers without end
# Prints the latencies of the 1,000, and their p99 against that beside the healthy backend.
#
#   scripts/backend_failures.sh                  on io_uring, three rounds of five runs, 4 minutes
#   ... --plane io_uring|epoll                   on this plane
#   ... --rounds N                               so many
#   ... --seconds N                              of publishing in each run; 10
#   ... --connections N                          so many subscribers
#
# The server's shard runs on the first core. The load tool and the others have the last one, where the
# load tool goes first (nice).
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=backend_failures.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

usage() { sed -n '2,22s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

plane=io_uring rounds=3 seconds=10 connections=1000
while [ $# -gt 0 ]; do
    case $1 in
    --plane)
        check_plane "${2:-}"
        plane=$2
        ;;
    --rounds | --seconds | --connections)
        [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 needs a number"
        case $1 in
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
        *) connections=$2 ;;
        esac
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
build_programs
read -r first_core last_core <<<"$(python3 -c \
    'import os; cores = os.sched_getaffinity(0); print(min(cores), max(cores))')"
# shellcheck disable=SC2034 # of lib/load.sh
server_within=(taskset --cpu-list "$first_core")
records=$(mktemp -d)
newcomers_pid=''
trap 'stop_newcomers; stop_server; rm -rf "$records"' EXIT

# start_newcomers KIND ROUND: starts the backend and those who disturb it.
start_newcomers() {
    local did=$records/$1.$2.did i
    nice -n 19 taskset --cpu-list "$last_core" \
        python3 "$scripts/backend_newcomers.py" "$1" "$public" "$backend" >"$did" 2>"$records/log" </dev/null &
    newcomers_pid=$!
    for ((i = 0; i < 100; i++)); do
        grep -q attacking "$did" && return
        kill -0 "$newcomers_pid" 2>/dev/null || break
        sleep 0.1
    done
    die "the clients beside did not begin: $(tail -n 5 "$records/log")"
}

stop_newcomers() {
    [ -n "$newcomers_pid" ] || return 0
    kill -TERM "$newcomers_pid" 2>/dev/null || true
    wait "$newcomers_pid" 2>/dev/null || true
    newcomers_pid=''
}

# measure KIND ROUND: one run against a fresh server.
measure() {
    local record=$records/$1.$2.json hook
    backend=127.0.0.1:$(python3 -c \
        'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    for hook in subscribe message events; do
        printf '[hook.%s]\nurl = "http://%s/%s"\n' "$hook" "$backend" "$hook"
    done >"$records/hooks.toml"
    printf '[namespace.asked]\nsubscribe = "hook"\n' >>"$records/hooks.toml"
    start_server "$plane" --cores 1 --config "$records/hooks.toml"
    start_newcomers "$1" "$2"
    if ! "$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --connections "$connections" --rate 50 --size 128 --duration "${seconds}s" --pin "$last_core" \
        --pid "$server_pid" --quiet --json >"$record"; then
        say "  $1: the run did not pass: $(python3 -c \
            'import json, sys; print(*json.load(sys.stdin)["verdict"]["failed"], sep="; ")' <"$record")"
    fi
    stop_newcomers
    stop_server
}

for ((round = 1; round <= rounds; round++)); do
    for kind in healthy hang dead garbage flood; do
        measure "$kind" "$round"
    done
    say "round $round of $rounds"
done
say
python3 "$scripts/fairness_table.py" "$records" "healthy=beside a healthy backend" "hang=one that hangs" \
    "dead=one that is gone" "garbage=one that answers garbage" "flood=one that answers without end"
