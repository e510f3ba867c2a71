#!/usr/bin/env bash
# Ten minutes of three nodes and three NATS servers, of which one at a time is killed or frozen at random, while
# publishers publish until each message is acknowledged, and readers go on at any node. At the end each
# reader must have every acknowledged message once, in order, at the same position as all others. Exit
# status 1 otherwise.
#
#   scripts/cluster_soak.sh
#   ... --seconds N                  how long to publish; 600 when not given
#   ... --channels N                 20 when not given
#   ... --readers N                  120 when not given
#   ... --rate R                     publications a second in all channels together; 200 when not given
#   ... --option --plane=epoll       an option of the nodes
#
# SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=cluster_soak.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/nats.sh
source "$scripts/lib/nats.sh"

usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

passed_on=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds | --channels | --readers | --rate)
        [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 needs a number"
        passed_on+=("$1" "$2")
        ;;
    --option)
        [ -n "${2:-}" ] || die "--option needs an option"
        passed_on+=("--option=$2")
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
build_server
nats=$root/bench/.cache/nats
install_nats "$nats"
status=0
(cd "$scripts" && exec python3 -m cluster_soak --switchboard "$server_bin" --nats "$nats/nats-server" \
    ${passed_on[@]+"${passed_on[@]}"}) || status=$?
case $status in
0) say "passed: nothing lost, nothing twice, one order" ;;
130) exit 130 ;;
*) die "failed; see above" ;;
esac
