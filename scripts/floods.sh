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
# shellcheck source=scripts/lib/beside.sh
source "$scripts/lib/beside.sh"

usage() { sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# other_option OPTION VALUE: of this script alone.
other_option() {
    [ "$1" = --only ] || return
    [[ ${2:-} =~ ^[a-z-]+$ ]] || die "--only needs a flood"
    kinds+=("$2")
}

# shellcheck disable=SC2034 # of lib/beside.sh
plane=io_uring rounds=1 seconds=8 connections=1000 kinds=()
read_options "$@"
[ "${#kinds[@]}" -gt 0 ] || kinds=(connects silent half-heads slow-heads joins polls messages half-messages
    publications pings unread trickle)
prepare

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

# measure KIND ROUND: one run against a fresh server, which the stranger floods.
measure() {
    start_server "$plane" --cores 1 --config "$records/server.toml"
    start_beside "$records/$1.$2.did" 5 env PYTHONPATH="$scripts" python3 -m strangers.flood "$1" \
        --public "$public" --internal "$internal" --pid "$server_pid"
    publish_to_clients "$1" "$records/$1.$2.json" --sources "$sources"
    stop_beside
    stop_server
}

measure_rounds alone "${kinds[@]}"
python3 "$scripts/floods_table.py" "$records" "$connections"
