#!/usr/bin/env bash
# What a stranger without a token, at one address, takes from the server and from its honest clients: a channel
# that is published to 50 times a second and its 1,000 subscribers, alone and beside each flood in turn
# (scripts/strangers/flood.py says what they are). Prints, for each, the slots, memory and processor time that the
# stranger took, and what becomes of the honest clients' p99.
#
#   scripts/floods.sh                            on io_uring, one round, 3 minutes
#   ... --plane io_uring|epoll                   on this plane
#   ... --rounds N                               so many
#   ... --seconds N                              of each flood; 8
#   ... --connections N                          so many honest subscribers
#   ... --only KIND                              only this flood; may be given more than once
#
# All of the server runs on the first core. The load tool and the stranger have the last one, where the load tool
# goes first (nice), so that it sees what the server does and not how busy its own core is.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=floods.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

usage() { sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

plane=io_uring rounds=1 seconds=8 connections=1000 kinds=()
while [ $# -gt 0 ]; do
    case $1 in
    --plane)
        check_plane "${2:-}"
        plane=$2
        ;;
    --only)
        [[ ${2:-} =~ ^[a-z-]+$ ]] || die "--only needs a flood"
        kinds+=("$2")
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
[ "${#kinds[@]}" -gt 0 ] || kinds=(connects silent half-heads slow-heads joins polls messages half-messages
    publications pings unread trickle)

command -v python3 >/dev/null || die "python3 is missing"
build_programs
read -r first_core last_core <<<"$(python3 -c \
    'import os; cores = os.sched_getaffinity(0); print(min(cores), max(cores))')"
# shellcheck disable=SC2034 # of lib/load.sh
server_within=(taskset --cpu-list "$first_core")
records=$(mktemp -d)
attacker_pid=''
trap 'stop_attacker; stop_server; rm -rf "$records"' EXIT

# The honest clients have ten addresses, and an address may have twice as many connections as each of these, at
# least 200. What else an address may do is limited, too.
sources=127.0.1.1-127.0.1.10
share=$((connections / 5 > 200 ? connections / 5 : 200))
cat >"$records/server.toml" <<END
connections_max = $((connections * 4 + 1000))
connections_per_address_max = $share
joins_per_second_per_address = $share
publishes_per_second_per_address = 100

[namespace.open]
publish = "anyone"
END

# start_attacker KIND ROUND: starts it, and waits until it says that it is at work.
start_attacker() {
    local did=$records/$1.$2.did i
    (cd "$scripts" && exec nice -n 5 taskset --cpu-list "$last_core" python3 -m strangers.flood "$1" \
        --public "$public" --internal "$internal" --pid "$server_pid") >"$did" 2>"$records/log" </dev/null &
    attacker_pid=$!
    for ((i = 0; i < 600; i++)); do
        grep -q attacking "$did" 2>/dev/null && return
        kill -0 "$attacker_pid" 2>/dev/null || break
        sleep 0.1
    done
    die "$1 did not begin: $(tail -n 5 "$records/log")"
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
    start_server "$plane" --cores 1 --config "$records/server.toml"
    start_attacker "$1" "$2"
    if ! "$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --connections "$connections" --sources "$sources" --rate 50 --size 128 --duration "${seconds}s" --pin "$last_core" \
        --pid "$server_pid" --quiet --json >"$record"; then
        say "  $1: the run did not pass: $(python3 -c \
            'import json, sys; print(*json.load(sys.stdin)["verdict"]["failed"], sep="; ")' <"$record")"
    fi
    stop_attacker
    stop_server
}

for ((round = 1; round <= rounds; round++)); do
    for kind in alone "${kinds[@]}"; do
        measure "$kind" "$round"
    done
    say "round $round of $rounds"
done
say
python3 "$scripts/floods_table.py" "$records" "$connections"
