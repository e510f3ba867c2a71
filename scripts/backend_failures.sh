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
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=backend_failures.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/beside.sh
source "$scripts/lib/beside.sh"

usage() { sed -n '2,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# shellcheck disable=SC2034 # of lib/beside.sh
plane=io_uring rounds=3 seconds=10 connections=1000
read_options "$@"
prepare

# measure KIND ROUND: one run against a fresh server and a backend of this kind.
measure() {
    local hook backend
    backend=127.0.0.1:$(python3 -c \
        'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    for hook in subscribe message events; do
        printf '[hook.%s]\nurl = "http://%s/%s"\n' "$hook" "$backend" "$hook"
    done >"$records/hooks.toml"
    printf '[namespace.asked]\nsubscribe = "hook"\n' >>"$records/hooks.toml"
    start_server "$plane" --cores 1 --config "$records/hooks.toml"
    start_beside "$records/$1.$2.did" 19 python3 "$scripts/backend_newcomers.py" "$1" "$public" "$backend"
    publish_to_clients "$1" "$records/$1.$2.json"
    stop_beside
    stop_server
}

measure_rounds healthy hang dead garbage flood
python3 "$scripts/fairness_table.py" "$records" "healthy=beside a healthy backend" "hang=one that hangs" \
    "dead=one that is gone" "garbage=one that answers garbage" "flood=one that answers without end"
