#!/usr/bin/env bash
# A cluster on this machine: three NATS servers and three nodes of Switchboard that share their channels.
# It runs until Ctrl-C, and removes what it stored.
#
#   scripts/cluster.sh                    nodes on 8100, 8110 and 8120, their internal APIs on 8101, 8111, 8121
#   ... --nodes N                         so many nodes, at most 9
#   ... --nats N                          so many NATS servers: 1, 3 or 5
#   ... --port PORT                       of the first node, instead of 8100; NATS listens from PORT + 100 on
#   ... -- --plane epoll                  what follows -- are options of each node
#
# SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=cluster.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/nats.sh
source "$scripts/lib/nats.sh"

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# number VALUE: ends the script unless it is a number.
number() { [[ ${1:-} =~ ^[0-9]+$ ]] || die "'${1:-}' is not a number"; }

nodes=3 servers=3 first_port=8100 options=()
while [ $# -gt 0 ]; do
    case $1 in
    --nodes | --nats | --port)
        number "${2:-}"
        case $1 in
        --nodes) nodes=$2 ;;
        --nats) servers=$2 ;;
        --port) first_port=$2 ;;
        esac
        shift 2
        ;;
    --)
        options=("${@:2}")
        break
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
case $nodes in [1-9]) ;; *) die "--nodes is 1 to 9" ;; esac
case $servers in 1 | 3 | 5) ;; *) die "--nats is 1, 3 or 5" ;; esac

build_server
nats=$root/bench/.cache/nats
install_nats "$nats"
folder=$(mktemp -d)
pids=()

# shellcheck disable=SC2317 # the trap calls it
stop_all() {
    # The nodes first: they would say that NATS is gone.
    local at
    for ((at = ${#pids[@]} - 1; at >= 0; at--)); do
        kill "${pids[at]}" 2>/dev/null || true
        wait "${pids[at]}" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

nats_port=$((first_port + 100))
routes=()
for ((at = 0; at < servers; at++)); do
    routes+=("\"nats://127.0.0.1:$((nats_port + 50 + at))\"")
done
urls=()
for ((at = 0; at < servers; at++)); do
    urls+=("nats://127.0.0.1:$((nats_port + at))")
    {
        echo "server_name: nats-$at"
        echo "listen: \"127.0.0.1:$((nats_port + at))\""
        echo "jetstream { store_dir: \"$folder/nats-$at\" }"
        if [ "$servers" -gt 1 ]; then
            echo "cluster { name: switchboard, listen: \"127.0.0.1:$((nats_port + 50 + at))\""
            echo "  routes: [$(IFS=,; echo "${routes[*]}")] }"
        fi
    } >"$folder/nats-$at.conf"
    "$nats/nats-server" -c "$folder/nats-$at.conf" >"$folder/nats-$at.log" 2>&1 &
    pids+=($!)
done
say "NATS: ${urls[*]}, files in $folder"

for ((at = 0; at < nodes; at++)); do
    port=$((first_port + 10 * at))
    env -u SWITCHBOARD_BIN -u SWITCHBOARD_LOAD_BIN "$server_bin" --listen "127.0.0.1:$port" --internal-listen "127.0.0.1:$((port + 1))" \
        --engine nats --engine-servers "$(IFS=,; echo "${urls[*]}")" --engine-replicas "$servers" \
        ${options[@]+"${options[@]}"} >"$folder/node-$at.log" 2>&1 &
    pids+=($!)
done

# answers URL: whether it answers with 200.
answers() { curl --silent --fail --noproxy '*' --max-time 2 --output /dev/null "$1"; }

for ((at = 0; at < nodes; at++)); do
    port=$((first_port + 10 * at)) deadline=$((SECONDS + 60))
    until answers "http://127.0.0.1:$((port + 1))/ready"; do
        kill -0 "${pids[servers + at]}" 2>/dev/null || die "node $at ended: $(tail -n 5 "$folder/node-$at.log")"
        [ $SECONDS -lt $deadline ] || die "node $at is not ready: $(tail -n 5 "$folder/node-$at.log")"
        sleep 0.2
    done
    say "node $at: http://127.0.0.1:$port (process ${pids[servers + at]}), internal API http://127.0.0.1:$((port + 1))"
done
say "listen at one:   curl -N http://127.0.0.1:$first_port/sub/demo:lobby -H 'Accept: text/event-stream'"
say "publish at another: curl -d hello http://127.0.0.1:$((first_port + 10 * (nodes - 1) + 1))/pub/demo:lobby"
say "Ctrl-C ends all of them"
wait -n "${pids[@]}" || true
die "a process has ended: $(tail -qn 2 "$folder"/*.log)"
