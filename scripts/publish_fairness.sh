#!/usr/bin/env bash
# How publishers that misbehave affect the others: a channel that is published to by HTTP 50 times a
# second and its 1,000 subscribers, alone and beside each of these in turn:
#   stuck   30 API clients that have sent half a request, or read no answer
#   batch   a batch of 16 MiB every second
#   null    the same batches to another program, on the server's core, that only reads them
#   flood   64 connections that publish to other channels as fast as they are answered
# Prints the latencies of the 1,000, and what becomes of their p99.
#
#   scripts/publish_fairness.sh                  on io_uring, three rounds of five runs, 4 minutes
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
# shellcheck source=scripts/lib/beside.sh
source "$scripts/lib/beside.sh"

usage() { sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# shellcheck disable=SC2034 # of lib/beside.sh
plane=io_uring rounds=3 seconds=10 connections=1000
read_options "$@"
prepare

# measure KIND ROUND: one run against a fresh server.
measure() {
    local kind=$1 did=$records/$1.$2.did
    start_server "$plane" --cores 1
    case $kind in
    alone) ;;
    flood)
        start_beside "$did" 19 "$load_bin" fanout "ws://$public/sub/{channel}" \
            --publish-url "http://$internal/pub/{channel}" --channel 'flood-{run}-{k}' --connections 64 \
            --channels 64 --in-flight 64 --publishers 64 --pipeline 1 --duration 1h --json
        ;;
    null) start_beside "$did" 19 python3 "$scripts/publish_attackers.py" null "$first_core" ;;
    *) start_beside "$did" 19 python3 "$scripts/publish_attackers.py" "$kind" "$internal" ;;
    esac
    publish_to_clients "$kind" "$records/$1.$2.json"
    stop_beside
    stop_server
}

measure_rounds alone stuck batch null flood
python3 "$scripts/fairness_table.py" "$records" "alone=alone" "stuck=beside stuck API clients" \
    "batch=beside a batch of 16 MiB every second" \
    "null=beside such batches to another program" "flood=beside a flood of publishers"
