#!/usr/bin/env bash
# A million connections, or N, on this machine: the server in one process, the load tool in another,
# both on io_uring, both ends over loopback. A few messages go to all of them, and every delivery is
# verified.
#
#   scripts/c1m.sh [N]                 N is 1,000,000 when not given
#   ... --check                        only looks whether the machine can, and says what to change
#   ... --messages M                   how many messages go to all; 5 when not given
#   ... --idle SECONDS                 instead of messages: hold them silent for so long, with a ping
#                                      for each every 25 s, and show what that costs
#   ... --report DIR                   where the report goes; a new folder in $TMPDIR otherwise
#
# It checks first. What root may change is changed for the run, and put back at the end, also after
# Ctrl-C. Without root it says what to change and goes on when it can.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=c1m.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/tuning.sh
source "$scripts/lib/tuning.sh"

# Kernel and user memory of both ends of an idle connection, in bytes, and what the programs, their
# rings and a fan-out need beside it.
PAIR_BYTES=9500
SPARE_BYTES=$((768 * 1024 * 1024))
# What a ring's file table leaves free for accepting.
RING_PERCENT=95
# The load tool takes a further source address after so many connections.
PER_SOURCE=10000
# Deliveries a second that a small machine is sure to keep up with: messages are that far apart.
PACE=40000
# Pings a second that leave it time for anything else. The server's default of a ping every 25 s
# means 40,000 a second for a million connections, and both ends of each are handled here: a busy
# small machine answers too late, and the server rightly drops who does not answer.
PINGS=8000
PING_INTERVAL_MS=25000
PONG_TIMEOUT_MS=60000
# The load tool has the last core for itself: beside a shard on the same one it could not answer the
# pings of a million.
cores=$(nproc)
server_cores=$((cores > 1 ? cores - 1 : 1))

usage() { sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

connections='' check_only='' messages=5 idle_s='' reports=''
while [ $# -gt 0 ]; do
    case $1 in
    --check) check_only=1 ;;
    --messages)
        [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || die "--messages needs a number"
        messages=$2
        shift
        ;;
    --idle)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || die "--idle needs a number of seconds"
        idle_s=$2
        shift
        ;;
    --report)
        [ -n "${2:-}" ] || die "--report needs a folder"
        reports=$2
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        if [ -n "$connections" ] || ! [[ $1 =~ ^[1-9][0-9]{0,7}$ ]]; then
            printf 'c1m.sh: %s is not understood\n\n' "$1" >&2
            usage >&2
            exit 64
        fi
        connections=$1
        ;;
    esac
    shift
done
connections=${connections:-1000000}
reports=${reports:-$(default_reports)}

# What only a smaller N or another machine helps against.
impossible=0
# What root would have to change before it can work.
blocked=0

fact() { printf '%-8s%s\n' "$1" "$2"; }
because() { printf '%s\n' "$*" | fold -s -w 88 | sed 's/^/        /; s/ *$//'; }

check_memory() {
    local available needed most
    available=$(($(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo) * 1024))
    needed=$((connections * PAIR_BYTES + SPARE_BYTES))
    if [ $needed -le $available ]; then
        fact ok "memory: $(human $available) available, $(human $needed) needed"
    else
        most=$(((available - SPARE_BYTES) / PAIR_BYTES / 1000 * 1000))
        [ $most -gt 0 ] || most=0
        fact NO "memory: $(human $available) available, $(human $needed) needed"
        because "Both ends of a connection together take about $PAIR_BYTES B, nearly all of it in the kernel. This machine can hold about $(grouped $most) now: scripts/c1m.sh $most"
        impossible=1
    fi
}

check_descriptors() {
    local limit used
    limit=$(ulimit -Hn)
    if [ "$limit" = unlimited ]; then
        fact ok "descriptors per process (ulimit -n): no limit"
        return
    fi
    used=$((limit * RING_PERCENT / 100))
    if [ "$limit" -lt 4096 ]; then
        fact NO "descriptors per process (ulimit -n): $limit"
        because "Each ring's file table is bounded by it, and so many rings would be needed that they cost more than the connections. Raise it to 20,000 or more: LimitNOFILE= or /etc/security/limits.conf."
        blocked=1
    else
        fact ok "descriptors per process (ulimit -n): $(grouped "$limit"), so about $(((connections + used - 1) / used)) rings at each end"
    fi
}

check_ports() {
    local range low high sources
    range=$(tuning_read net.ipv4.ip_local_port_range)
    low=${range% *} high=${range#* }
    sources=$(((connections + PER_SOURCE - 1) / PER_SOURCE))
    fact ok "ports: $(grouped $((high - low + 1))) for each source address; the clients come from $(grouped $sources) addresses from 127.0.0.2 up"
}

check_time_wait() {
    local waiting most
    waiting=$(awk '/^TCP:/ { for (i = 1; i < NF; i++) if ($i == "tw") print $(i + 1) }' /proc/net/sockstat)
    most=$(tuning_read net.ipv4.tcp_max_tw_buckets)
    fact ok "TIME_WAIT: ${waiting:-0} connections of earlier runs, of $most at most"
    if [ "${waiting:-0}" -gt 20000 ] && [ "$(tuning_read net.ipv4.tcp_tw_reuse)" = 0 ]; then
        because "Their ports cannot be used for up to 60 s, and net.ipv4.tcp_tw_reuse is 0: if connects fail with EADDRNOTAVAIL, wait a minute."
    fi
}

check_settings() {
    local i key wanted
    tuning_settings "$connections" both
    for i in "${!tuning_keys[@]}"; do
        key=${tuning_keys[i]}
        wanted=$(tuning_wanted "$i")
        if [ -z "$wanted" ]; then
            fact ok "$key: $(tuning_read "$key")"
            continue
        fi
        fact CHANGE "$key: $(tuning_read "$key") -> $wanted"
        because "${tuning_reasons[i]}"
        case $key in
        fs.file-max | kernel.io_uring_disabled | net.netfilter.*)
            tuning_may_apply || blocked=1
            ;;
        esac
    done
}

undo() {
    stop_server
    if [ ${#tuning_replaced[@]} -gt 0 ]; then
        say
        say "Putting the kernel settings back:"
        tuning_undo
    fi
}
trap undo EXIT

say "Can this machine hold $(grouped "$connections") connections, both ends of them?"
say
check_memory
check_descriptors
check_ports
check_time_wait
check_settings
say
if [ $impossible -ne 0 ]; then
    die "not with the memory of this machine"
fi
if [ $blocked -ne 0 ]; then
    say "Changes that only root can make stand above. Then, or as root: scripts/c1m.sh $connections"
    die "not as it is set up now"
fi
if [ -n "$check_only" ]; then
    say "It can. Lines with CHANGE are set for the run by root, or by hand:"
    say "  scripts/tune.sh $connections --both-ends --apply"
    exit 0
fi

build_programs
if tuning_may_apply; then
    say "Set for this run:"
    tuning_apply || say "  going on without what was refused"
else
    say "Not root: going on without the changes above. To make them:"
    say "  sudo scripts/tune.sh $connections --both-ends --apply"
fi
say

failed=0
hold_idle() {
    start_server io_uring --cores "$server_cores" --ping-interval-ms $PING_INTERVAL_MS --pong-timeout-ms $PONG_TIMEOUT_MS
    say "server $server_pid on $public, io_uring; $(grouped "$connections") connections to its $server_cores shard(s), silent for $idle_s s; a ping every $((PING_INTERVAL_MS / 1000)) s of silence"
    describe io_uring "scripts/c1m.sh $connections --idle $idle_s"
    "$load_bin" idle "ws://$public/sub/{channel}" --plane io_uring --connections "$connections" \
        --connect-timeout 30s --hold "${idle_s}s" --pid "$server_pid" "${described[@]}" \
        --report "$reports" || failed=$?
}

fan_out() {
    local ping_interval_ms rate duration
    ping_interval_ms=$((connections * 1000 / PINGS))
    [ $ping_interval_ms -gt $PING_INTERVAL_MS ] || ping_interval_ms=$PING_INTERVAL_MS
    start_server io_uring --cores "$server_cores" --ping-interval-ms $ping_interval_ms --pong-timeout-ms $PONG_TIMEOUT_MS
    say "server $server_pid on $public, io_uring; $(grouped "$connections") connections to its $server_cores shard(s), then $messages messages to all; a ping every $((ping_interval_ms / 1000)) s of silence"
    describe io_uring "scripts/c1m.sh $connections --messages $messages"
    rate=$(awk -v n="$connections" -v p=$PACE 'BEGIN { r = p / n; if (r > 5) r = 5; printf "%.4g", r }')
    # A little more than the messages take; their number ends the publishing.
    duration=$(awk -v m="$messages" -v r="$rate" 'BEGIN { printf "%ds", m / r + 5 }')
    "$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --plane io_uring --connections "$connections" --connect-timeout 30s --rate "$rate" \
        --publications "$messages" --duration "$duration" --drain 60s \
        --pid "$server_pid" "${described[@]}" --report "$reports" || failed=$?
}

if [ -n "$idle_s" ]; then hold_idle; else fan_out; fi

say
say "The server at the end:"
grep -E '^(VmRSS|VmHWM|Threads)' "/proc/$server_pid/status" | sed 's/^/  /'
say "  open descriptors: $(find "/proc/$server_pid/fd" -mindepth 1 2>/dev/null | wc -l), limit $(awk '/^Max open files/ { print $4 }' "/proc/$server_pid/limits")"
say
say "report: $reports/index.html"
if [ $failed -ne 0 ]; then
    sed 's/^/  server: /' "$server_log" | tail -n 20 >&2
    die "the run did not pass; see above"
fi
if [ -n "$idle_s" ]; then
    say "passed: $(grouped "$connections") connections in one process, silent for $idle_s s, none dropped"
else
    say "passed: $(grouped "$connections") connections in one process, $messages messages to each of them without loss"
fi
