#!/usr/bin/env bash
# The same fan-out over four networks of this machine, on both planes: what a delivery costs the
# server, and how late it is.
#
#   loopback   server and load tool on 127.0.0.1: TCP at the receiver runs inside the server's send
#   rps        the same in a namespace whose `lo` hands received packets to the load tool's core
#   veth       two namespaces, joined by a pair of virtual Ethernet interfaces
#   shaped     the same, and the server's end sends 50 Mbit/s at most
#
#   scripts/networks.sh [--rounds N]      rounds, interleaved; 2 when not given, a minute each
#
# Needs root, `ip` and `tc`, two cores, and removes its namespaces however it ends.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=networks.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

SUBSCRIBERS=3000
# 30,000 deliveries a second, 32 Mbit/s with all headers: two thirds of what `shaped` carries.
RATE=10
DURATION=6s
SHAPED=50mbit
# Of the range that is set aside for benchmarks (RFC 2544).
SERVER_ADDRESS=198.18.0.1
CLIENT_ADDRESS=198.18.0.2

usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

rounds=2
while [ $# -gt 0 ]; do
    case $1 in
    --rounds)
        [[ ${2:-} =~ ^[1-9]$ ]] || die "--rounds is 1 to 9"
        rounds=$2
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

[ "$(id -u)" -eq 0 ] || die "network namespaces need root"
for tool in ip tc python3; do
    command -v $tool >/dev/null || die "$tool is missing"
done
client_core=$(($(nproc) - 1))
[ "$client_core" -ge 1 ] || die "one core cannot tell the server's work from the load tool's"

# Names are the machine's; the number of this process makes them ours.
one="switchboard-$$-one" server_end="switchboard-$$-server" client_end="switchboard-$$-client"
# The internal API of a server that can be reached from elsewhere needs one.
key=$(cat /proc/sys/kernel/random/uuid)
records=$(mktemp -d)

clean_up() {
    stop_server
    local namespace
    for namespace in "$one" "$server_end" "$client_end"; do
        ip netns del "$namespace" 2>/dev/null || true
    done
    rm -rf "$records"
}
trap clean_up EXIT

make_one() {
    ip netns add "$one"
    ip -netns "$one" link set lo up
    # ip gives the command a /sys of the namespace.
    ip netns exec "$one" sh -c "printf '%x' $((1 << client_core)) > /sys/class/net/lo/queues/rx-0/rps_cpus"
}

make_pair() {
    ip netns add "$server_end"
    ip netns add "$client_end"
    ip -netns "$server_end" link add line type veth peer name line netns "$client_end"
    ip -netns "$server_end" address add $SERVER_ADDRESS/24 dev line
    ip -netns "$client_end" address add $CLIENT_ADDRESS/24 dev line
    local namespace
    for namespace in "$server_end" "$client_end"; do
        ip -netns "$namespace" link set lo up
        ip -netns "$namespace" link set line up
    done
}

# enter NETWORK: sets where the next server and load tool run.
enter() {
    client_within=() server_within=() server_address=127.0.0.1
    case $1 in
    loopback) return ;;
    rps)
        server_within=(ip netns exec "$one")
        client_within=(ip netns exec "$one")
        return
        ;;
    esac
    server_within=(ip netns exec "$server_end")
    client_within=(ip netns exec "$client_end")
    server_address=$SERVER_ADDRESS
    tc -netns "$server_end" qdisc del dev line root 2>/dev/null || true
    if [ "$1" = shaped ]; then
        tc -netns "$server_end" qdisc add dev line root tbf rate $SHAPED burst 32kb latency 400ms
    fi
}

# measure NETWORK PLANE ROUND: one run, whose record goes to $records.
measure() {
    local record="$records/$1.$2.$3.json"
    enter "$1"
    start_server "$2" --pin 0 --api-key "$key"
    if ! "${client_within[@]}" "$load_bin" fanout "ws://$public/sub/{channel}" --allow-remote \
        --publish-url "http://$internal/pub/{channel}" --publish-header "X-API-Key: $key" \
        --connections $SUBSCRIBERS --rate $RATE --duration $DURATION --pin "$client_core" \
        --pid "$server_pid" --quiet --json >"$record"; then
        sed 's/^/  server: /' "$server_log" | tail -n 5 >&2
        die "the run over $1 on $2 did not pass; its record: $(tail -c 2000 "$record")"
    fi
    stop_server
}

build_programs
make_one
make_pair
for ((round = 1; round <= rounds; round++)); do
    for network in loopback rps veth shaped; do
        for plane in io_uring epoll; do
            say "round $round of $rounds: $network, $plane"
            measure $network $plane "$round"
        done
    done
done
say
say "$SUBSCRIBERS subscribers, $RATE publications of 64 B a second for $DURATION, none lost; medians of $rounds rounds"
python3 "$scripts/networks_table.py" "$records"
