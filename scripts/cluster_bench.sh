#!/usr/bin/env bash
# What a publication takes between nodes that share channels: three NATS servers and three nodes on this machine.
# Prints the latency to a client of another node, publications a second, and how long a resume takes. Under a
# minute.
#
#   scripts/cluster_bench.sh                  three replicas on disk
#   ... --replicas N --storage file|memory    other streams
#   ... --seconds N                           of each measurement; 10 when not given
#   ... --option --plane=epoll                an option of the nodes
#
# SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=cluster_bench.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/nats.sh
source "$scripts/lib/nats.sh"

case " $* " in
*' -h '* | *' --help '*)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
command -v python3 >/dev/null || die "python3 is missing"
build_server
nats=$root/bench/.cache/nats
install_nats "$nats"
cd "$scripts"
exec python3 -m cluster_soak.bench --switchboard "$server_bin" --nats "$nats/nats-server" "$@"
