#!/usr/bin/env bash
# An hour of one hostile client address: damaged requests, frames, positions, bodies and keys, and
# floods of connections, polls, subscriptions, joins and readers that do not read. Honest clients beside
# it must lose nothing, the server must answer and live, and when the stranger has gone, its memory,
# descriptors, sockets, connections, channels and history must be back to the base, which is taken after
# a warm-up of the same attacks. Exit status 1 otherwise.
#
#   scripts/strangers.sh                         half an hour on each plane
#   ... --plane io_uring|epoll                   all the time on this one
#   ... --minutes N | --seconds N                how long to attack in all; 60 minutes when not given
#   ... --share PERCENT                          of a core, for stranger and server together; 15
#   ... --seed N                                 repeats the inputs of a run; 1
#
# SWITCHBOARD_BIN names a program to use instead of building it.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=strangers.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

usage() { sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

planes=(io_uring epoll) seconds=3600 share=15 seed=1
while [ $# -gt 0 ]; do
    case $1 in
    --plane)
        check_plane "${2:-}"
        planes=("$2")
        ;;
    --minutes | --seconds | --share | --seed)
        [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || die "$1 needs a number"
        case $1 in
        --minutes) seconds=$(($2 * 60)) ;;
        --seconds) seconds=$2 ;;
        --share)
            [ "$2" -le 99 ] || die "--share is at most 99"
            share=$2
            ;;
        --seed) seed=$2 ;;
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
build_server
folder=$(mktemp -d)
trap 'stop_server; rm -rf "$folder"' EXIT

# Each plane gets its part of the time, and a tenth of that before, at most three minutes, to warm up.
seconds=$((seconds / ${#planes[@]}))
warm_up=$((seconds / 10)) every=60 rounds=6
[ "$warm_up" -le 180 ] || warm_up=180
# What strangers leave in channels is forgotten after so long.
history_ttl_ms=5_000 meta_ttl_ms=10_000
# The longest that the server holds something for a peer that is gone: a connection between two
# requests 60 s (`http_idle_timeout_ms`), a silent WebSocket 35 s (`ping_interval_ms` and
# `pong_timeout_ms`), unsent bytes 30 s (`tcp_user_timeout_ms`), a channel 15 s as said above.
held=90
# Free memory that the allocator may keep beyond the base: see strangers/base.py.
grown_mib=16
if [ "$seconds" -lt 120 ]; then
    # That short, a run says whether all works, and nothing about memory. The stranger ends its
    # sockets, so the server need not wait for anything but its channels.
    warm_up=5 every=5 rounds=1 history_ttl_ms=1_000 meta_ttl_ms=2_000 held=12 grown_mib=64
fi

{
    printf 'meta_ttl_ms = %s\nshard_log_bytes_max = 16_777_216\n' "$meta_ttl_ms"
    for namespace in default demo open presence skip latest; do
        printf '\n[namespace.%s]\nhistory_ttl_ms = %s\n' "$namespace" "$history_ttl_ms"
        case $namespace in
        demo) printf 'publish = true\npublish_per_second = 20\n' ;;
        open) printf 'publish = true\npresence_list = true\njoin_leave = true\n' ;;
        skip | latest) printf 'slow_policy = "%s"\n' "$namespace" ;;
        esac
    done
    printf '\n[namespace.honest]\nhistory_publications = 200\n'
} >"$folder/server.toml"
key=$(printf 'strangers %s' "$seed" | sha256sum | cut -c1-32)

failed=0
for plane in "${planes[@]}"; do
    start_server "$plane" --cores 2 --echo --api-key "$key" --config "$folder/server.toml"
    say "server $server_pid on $public, $plane; ${seconds} s after ${warm_up} s to warm up, seed $seed"
    status=0
    (cd "$scripts" && python3 -m strangers --public "$public" --internal "$internal" \
        --pid "$server_pid" --key "$key" --seconds "$seconds" --rounds "$rounds" \
        --warm-up "$warm_up" --held "$held" --grown-mib "$grown_mib" --every "$every" \
        --seed "$seed" --share "0.$(printf %02d "$share")") || status=$?
    [ "$status" -ne 130 ] || exit 130
    if grep -i 'panic' "$server_log" >&2; then
        say "the server's log tells of a panic" >&2
        status=1
    fi
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$server_log" | sed 's/^/  server: /' >&2
        failed=1
    fi
    stop_server
done
[ "$failed" -eq 0 ] || die "failed; see above"
say "passed: the server lived, honest clients lost nothing, all is back to base"
