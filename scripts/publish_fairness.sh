#!/usr/bin/env bash
# How publishers that misbehave affect the others: a channel that is published to by HTTP 50 times a
# second and its 1,000 subscribers, alone and beside each of these in turn:
#   stuck   30 API clients that have sent half a request, or read no answer
#   batch   a batch of 16 MiB every second
#   flood   64 connections that publish to other channels as fast as they are answered
# Prints the latencies of the 1,000, and what becomes of their p99.
#
#   scripts/publish_fairness.sh                  on io_uring, three rounds of four runs, 3 minutes
#   ... --plane io_uring|epoll                   on this plane
#   ... --rounds N                               so many
#   ... --seconds N                              of publishing in each run; 10
#   ... --connections N                          so many subscribers
#
# All of the server runs on the first core. The load tool and the others have the last one, where the
# load tool goes first (nice), so that it sees what the server does and not how busy its own core is.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=publish_fairness.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

usage() { sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

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
attacker_pid=''
trap 'stop_attacker; stop_server; rm -rf "$records"' EXIT

# start_attacker KIND ROUND: starts it, and waits until it says that it is at work.
start_attacker() {
    local kind=$1 did=$records/$1.$2.did sign=attacking command i
    if [ "$kind" = flood ]; then
        sign=publishing
        command=("$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}"
            --channel 'flood-{run}-{k}' --connections 64 --channels 64
            --in-flight 64 --publishers 64 --pipeline 1 --duration 1h --json)
    else
        command=(python3 "$scripts/publish_attackers.py" "$kind" "$internal")
    fi
    nice -n 19 taskset --cpu-list "$last_core" "${command[@]}" >"$did" 2>"$records/log" </dev/null &
    attacker_pid=$!
    for ((i = 0; i < 300; i++)); do
        grep -q "$sign" "$did" "$records/log" 2>/dev/null && return
        kill -0 "$attacker_pid" 2>/dev/null || break
        sleep 0.1
    done
    die "$kind did not begin: $(tail -n 5 "$records/log")"
}

# stop_attacker: asks it to end, which it does with what it did.
stop_attacker() {
    [ -n "$attacker_pid" ] || return 0
    kill -TERM "$attacker_pid" 2>/dev/null || true
    wait "$attacker_pid" 2>/dev/null || true
    attacker_pid=''
}

# measure KIND ROUND: one run against a fresh server.
measure() {
    local record=$records/$1.$2.json
    start_server "$plane" --cores 1
    [ "$1" = alone ] || start_attacker "$1" "$2"
    if ! "$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --connections "$connections" --rate 50 --size 128 --duration "${seconds}s" --pin "$last_core" \
        --pid "$server_pid" --quiet --json >"$record"; then
        say "  $1: the run did not pass: $(python3 -c \
            'import json, sys; print(*json.load(sys.stdin)["verdict"]["failed"], sep="; ")' <"$record")"
    fi
    stop_attacker
    stop_server
}

for ((round = 1; round <= rounds; round++)); do
    for kind in alone stuck batch flood; do
        measure "$kind" "$round"
    done
    say "round $round of $rounds"
done
say
python3 "$scripts/fairness_table.py" "$records" "alone=alone" "stuck=beside stuck API clients" \
    "batch=beside a batch of 16 MiB every second" "flood=beside a flood of publishers"
