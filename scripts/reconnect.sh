#!/usr/bin/env bash
# Everyone is cut off at once and comes back: clients with tokens (ES256) reconnect without waiting, while
# others stay and are published to all the time. Prints how long it takes until half, 95 % and all of them
# are back, and what those who stayed notice.
#
#   scripts/reconnect.sh               100,000 clients on io_uring, as many as it can on epoll; ten minutes
#   scripts/reconnect.sh N             N clients
#   ... --survivors S                  how many stay; 2,000
#   ... --rate R                       publications per second to those; 5
#   ... --backoff none|jitter:MS       how long clients wait before they come back; none
#   ... --connecting N|all             handshakes at a time; 256 in one run and all in another when not given
#   ... --hold SECONDS                 how long survivors are measured before and afterwards; 15
#   ... --plane io_uring|epoll         on one of them
#   ... --report DIR                   where the reports go; a new folder in $TMPDIR otherwise
#   ... --update-docs                  puts the table into docs/benchmarks/reconnect.md
#
# On io_uring, connections are entries in the file tables of rings; on epoll, the descriptor limit of a
# process bounds them. Kernel settings that are too small are set as root, and put back at the end.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=reconnect.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/tuning.sh
source "$scripts/lib/tuning.sh"

# Descriptors of the server that it keeps for others than clients: 1,024 for its internal API, and some.
OTHER_DESCRIPTORS=1500

usage() { sed -n '2,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

clients=100000 survivors=2000 rate=5 backoff=none connecting=(256 all) hold=15 planes=(io_uring epoll) reports='' page=()
# What repeats the measurement.
command=scripts/reconnect.sh
while [ $# -gt 0 ]; do
    case $1 in
    --survivors | --rate | --hold)
        [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || die "$1 needs a number"
        declare "${1#--}=$2"
        command+=" $1 $2"
        shift
        ;;
    --connecting)
        [[ ${2:-} =~ ^([1-9][0-9]{0,6}|all)$ ]] || die "--connecting is a number, or all"
        connecting=("$2")
        command+=" $1 $2"
        shift
        ;;
    --backoff)
        [[ ${2:-} =~ ^(none|jitter:[0-9]+)$ ]] || die "--backoff is none or jitter:MS"
        backoff=$2
        command+=" $1 $2"
        shift
        ;;
    --plane)
        check_plane "${2:-}"
        planes=("$2")
        command+=" $1 $2"
        shift
        ;;
    --report)
        [ -n "${2:-}" ] || die "--report needs a folder"
        reports=$2
        shift
        ;;
    --update-docs) page=(--page "$root/docs/benchmarks/reconnect.md") ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        if ! [[ $1 =~ ^[1-9][0-9]{2,6}$ ]]; then
            usage >&2
            exit 64
        fi
        clients=$1
        command+=" $1"
        ;;
    esac
    shift
done
reports=${reports:-$(default_reports)}

# with_jwt: sets python to one that has PyJWT, which make_tokens.py needs.
with_jwt() {
    for python in "$root/.venv/bin/python" python3; do
        if "$python" -c 'import cryptography, jwt' 2>/dev/null; then return; fi
    done
    die "PyJWT is missing: python3 -m venv .venv && .venv/bin/pip install -r tests/requirements.txt"
}

# clients_on PLANE: how many clients the server can have there beside the survivors.
clients_on() {
    local limit most
    limit=$(ulimit -Hn)
    if [ "$1" = io_uring ] || [ "$limit" = unlimited ]; then
        printf '%s' "$clients"
        return
    fi
    most=$((limit - survivors - OTHER_DESCRIPTORS))
    [ $most -gt 0 ] || die "$survivors survivors are too many for a limit of $limit descriptors"
    printf '%s' $((most < clients ? most : clients))
}

with_jwt
build_programs
folder=$(mktemp -d)
undo() {
    stop_server
    rm -rf "$folder"
    tuning_undo
}
trap undo EXIT
if tuning_may_apply; then
    tuning_settings $((clients + survivors)) both
    tuning_apply || say "  going on without what was refused"
fi
say "making $(grouped $((clients + survivors))) tokens"
"$python" "$scripts/make_tokens.py" $((clients + survivors)) "$folder"
printf '[namespace.default]\nsubscribe = "authenticated"\n' >"$folder/server.toml"

# The load tool has the last core for itself.
cores=$(nproc)
server_cores=$((cores > 1 ? cores - 1 : 1))
read -r load_before _ </proc/loadavg
failed=0 runs=()
# A fresh server for each run.
measure() {
    local plane=$1 at_a_time=$2 count
    start_server "$plane" --cores "$server_cores" --token-key "$folder/token_key.pem" --config "$folder/server.toml"
    count=$(clients_on "$plane")
    say "$plane: server $server_pid on $public; $(grouped "$count") clients that come back, $at_a_time at a time"
    describe "$plane" "scripts/reconnect.sh $count --plane $plane --connecting $at_a_time"
    [ "$at_a_time" != all ] || at_a_time=$count
    "$load_bin" storm "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --connections "$count" --survivors "$survivors" --rate "$rate" --backoff "$backoff" \
        --returning-max "$at_a_time" --hold "${hold}s" --recovery-max 3m --connect-timeout 30s \
        --tokens "$folder/tokens.txt" --pid "$server_pid" "${described[@]}" --report "$reports/$3" || failed=1
    stop_server
}
for plane in "${planes[@]}"; do
    for at_a_time in "${connecting[@]}"; do
        runs+=("$plane-$at_a_time")
        measure "$plane" "$at_a_time" "$plane-$at_a_time"
    done
done

say
PYTHONPATH=$root/bench python3 -m reconnect "$reports" "${runs[@]}" \
    --command "$command" --load-before "$load_before" "${page[@]}"
say "reports: $reports"
[ $failed -eq 0 ] || die "a run did not pass; see above"
