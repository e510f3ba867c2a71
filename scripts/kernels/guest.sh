#!/bin/busybox sh
# shellcheck shell=dash
# What runs inside the virtual machines of scripts/kernels.sh, as their first process. Its results are
# lines `RESULT row|passed, FAILED or a value|what was seen`; all else helps to find a cause.

failed=''

# result ROW VERDICT SEEN
result() {
    echo "RESULT $1|$2|$3"
    [ "$2" != FAILED ] || failed=1
}

prepare() {
    /bin/busybox --install -s /bin
    export PATH=/bin HOME=/tmp
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mount -t tmpfs tmp /tmp
    chmod 1777 /tmp
    ip link set lo up
    echo '10240 65535' >/proc/sys/net/ipv4/ip_local_port_range
    echo 65535 >/proc/sys/net/core/somaxconn
    # What is in TIME-WAIT is in memory too, and would hide what the server keeps.
    echo 1 >/proc/sys/net/ipv4/tcp_max_tw_buckets
    ulimit -n 60000
}

# tests ROW PROGRAM ARGUMENT...: a test program of the plane; says how many tests passed, or why they
# were skipped.
tests() {
    local row=$1 verdict=passed seen
    shift
    # Every instruction is emulated: what takes seconds elsewhere may take a minute.
    SWITCHBOARD_TEST_PATIENCE_S=120 timeout 900 "$@" --show-output >/tmp/out 2>&1 || verdict=FAILED
    [ $verdict = passed ] || grep -v ' ok$' /tmp/out | tail -n 80
    seen=$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]* passed; [0-9]* failed\).*/\1/p' /tmp/out)
    ! grep -q '^skipped' /tmp/out || verdict=skipped seen=$(sed -n 's/^skipped[:,] //p' /tmp/out | head -n 1)
    result "$row" $verdict "$seen"
}

server='' public='' internal='' line=''

# start_server OPTION...: sets server, public, internal, and line, the start-up line.
start_server() {
    local tries=0
    switchboard --listen 127.0.0.1:0 --internal-listen 127.0.0.1:0 --cores 1 "$@" >/tmp/server.log 2>&1 &
    server=$!
    until line=$(grep -m 1 'listening on http://' /tmp/server.log); do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 $server 2>/dev/null; then
            cat /tmp/server.log
            return 1
        fi
        sleep 0.1
    done
    public=$(echo "$line" | sed 's/.*listening on http:\/\/\([^ ,]*\).*/\1/')
    internal=$(echo "$line" | sed 's/.*http:\/\/\([^ ;]*\);.*/\1/')
}

stop_server() {
    kill -TERM $server
    wait $server
}

# plane_of_line: what the start-up line says of the plane.
plane_of_line() { echo "$line" | sed 's/.*; plane \(.*\); [0-9]* connections at most.*/\1/'; }

load() {
    timeout 300 switchboard-load "$@" --quiet >/tmp/out 2>&1 && return
    tail -n 40 /tmp/out
    return 1
}

# sockets: TCP sockets in memory, those too that a ring has closed and the kernel has not released.
sockets() { awk '/^TCP:/ { print $9 }' /proc/net/sockstat; }

# Kibibytes that the kernel's caches have, and that the server has.
slab() { awk '/^Slab:/ { print $2 }' /proc/meminfo; }
resident() { awk '/^VmRSS:/ { print $2 }' /proc/$server/status; }

# falls_to COUNT: waits for as few sockets, at most 30 s; the tenths of seconds that it took.
falls_to() {
    local tenths=0
    while [ "$(sockets)" -gt "$1" ] && [ $tenths -lt 300 ]; do
        sleep 0.1
        tenths=$((tenths + 1))
    done
    echo $tenths
}

# churn_rate PLANE: clients a second that come and leave, 50 at a time at most.
churn_rate() {
    load churn "ws://$public/sub/churn" --plane "$1" --connections 50 --rate 1000 --duration 5s --json ||
        return
    sed -n '/"came per second"/,/}/s/.*"value": *\([0-9]*\).*/\1/p' /tmp/out
}

# accepted: connections that the server has accepted since its start.
accepted() {
    wget -q -O - "http://$internal/counters" | tr ',' '\n' |
        sed -n 's/.*"connections_accepted": *\([0-9]*\).*/\1/p' | head -n 1
}

# hold PLANE COUNT: that many connections come, stay for a moment and go.
hold() {
    load idle "ws://$public/sub/many" --plane "$1" --connections "$2" --connect-rate 2000 \
        --connect-timeout 60s --hold 4s
}

# idle_memory: what each of 5,000 connections costs while it is held. Only the first connections of the
# machine show it: later ones find memory that the kernel has kept.
idle_memory() {
    local before slab_before user_before
    start_server --plane auto || return
    before=$(sockets) slab_before=$(slab) user_before=$(resident)
    hold auto 5000 &
    local holding=$!
    until [ "$(sockets)" -ge $((before + 10000)) ] || ! kill -0 $holding 2>/dev/null; do sleep 0.1; done
    sleep 1
    result '--plane auto: memory of a connection' passed \
        "$(((($(slab) - slab_before) * 1024) / 5000)) B kernel (both ends), $(((($(resident) - user_before) * 1024) / 5000)) B user"
    wait $holding
    stop_server
}

# one_plane ROW PLANE: start-up line, fan-out, echo; then clients that come and go beside one idle
# connection that is older than all of them, and 20,000 connections in four waves beside it.
one_plane() {
    local row=$1 plane=$2 verdict older alone beside base slab resident came tenths grown
    if ! start_server --plane "$plane" --echo; then
        result "$row: plane" FAILED "$(tail -n 1 /tmp/server.log)"
        return
    fi
    result "$row: plane" passed "$(plane_of_line)"

    verdict=passed
    load fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --plane "$plane" --connections 500 --rate 5 --duration 4s || verdict=FAILED
    result "$row: fan-out to 500" $verdict ''
    verdict=passed
    load echo "ws://$public/echo" --plane "$plane" --connections 50 --duration 3s || verdict=FAILED
    result "$row: echo" $verdict ''

    alone=$(churn_rate "$plane")
    switchboard-load idle "ws://$public/sub/older" --plane "$plane" --connections 1 --hold 600s --quiet \
        >/tmp/older 2>&1 &
    older=$!
    sleep 3
    base=$(sockets)
    verdict=FAILED
    for _ in 1 2 3; do
        # Where closes wait for the older connection it is a sixtieth each time; a busy host is slow once.
        beside=$(churn_rate "$plane")
        [ "${beside:-0}" -gt 0 ] && [ $((beside * 5)) -ge "${alone:-0}" ] && verdict=passed && break
    done
    result "$row: churn, alone and beside an older connection" $verdict "$alone/s, $beside/s"

    # The first wave fills what is kept for the next ones.
    hold "$plane" 5000
    verdict=passed
    tenths=$(falls_to "$base")
    slab=$(slab) resident=$(resident) came=$(accepted)
    for _ in 1 2 3 4; do
        hold "$plane" 5000 || verdict=FAILED
        tenths=$(falls_to "$base")
    done
    [ $(($(accepted) - came)) -ge 20000 ] || verdict=FAILED
    grown="$((($(slab) - slab) / 1024)) MiB kernel, $((($(resident) - resident) / 1024)) MiB user"
    [ "$(sockets)" -le "$base" ] || verdict=FAILED
    # Sockets of 20,000 connections that are not released would be 80 MiB and more.
    [ $(($(slab) - slab)) -le 24576 ] && [ $(($(resident) - resident)) -le 24576 ] || verdict=FAILED
    result "$row: 20,000 connects and closes" $verdict \
        "$(($(sockets) - base)) sockets left after $tenths tenths of a second, $grown more"
    kill -INT $older
    wait $older
    verdict=passed
    stop_server || verdict=FAILED
    result "$row: stop" $verdict ''
}

# refusal ROW WORDS OPTION...: what --plane auto and io_uring do where io_uring is forbidden.
refusal() {
    local row=$1 words=$2 verdict=passed
    if start_server --plane auto; then
        plane_of_line | grep -q "^epoll .*$words" || verdict=FAILED
        stop_server
    else
        verdict=FAILED
    fi
    start_server --plane io_uring && { verdict=FAILED; stop_server; }
    grep -q "$words" /tmp/server.log || verdict=FAILED
    result "$row" $verdict "$(tail -n 1 /tmp/server.log | cut -c 1-150)"
}

# direct: direct descriptors are refused where closed ones are released late.
direct() {
    local verdict=passed
    start_server --plane io_uring --io-uring-descriptors direct && { verdict=FAILED; stop_server; }
    grep -q 'closed direct descriptor is' /tmp/server.log || verdict=FAILED
    result '--io-uring-descriptors direct' $verdict "$(tail -n 1 /tmp/server.log | cut -c 1-100)"
}

# disabled: the sysctl that forbids io_uring, which came with Linux 6.6.
disabled() {
    local sysctl=/proc/sys/kernel/io_uring_disabled
    if [ ! -e $sysctl ]; then
        result 'kernel.io_uring_disabled' 'no such sysctl' ''
        return
    fi
    echo 1 >$sysctl
    # It allows the superuser.
    if start_server --plane io_uring; then
        result 'kernel.io_uring_disabled=1, superuser' passed "$(plane_of_line | cut -d ' ' -f 1)"
        stop_server
    else
        result 'kernel.io_uring_disabled=1, superuser' FAILED ''
    fi
    echo 2 >$sysctl
    refusal 'kernel.io_uring_disabled=2' 'io_uring_disabled=2'
    echo 0 >$sysctl
}

prepare
result kernel "$(uname -r)" ''
idle_memory
tests 'unit tests' test-switchboard_plane
tests 'a seccomp filter is recognised' test-switchboard_plane a_seccomp_filter_is_recognised
tests 'conformance, io_uring with direct descriptors' test-conformance on_io_uring_with_direct --test-threads 2
tests 'conformance, io_uring with process descriptors' test-conformance on_io_uring_with_process --test-threads 2
tests 'conformance, epoll' test-conformance on_epoll --test-threads 2
tests 'nothing is left behind' test-leaks
tests 'listening sockets' test-listen
for plane in auto io_uring epoll; do one_plane "--plane $plane" $plane; done
direct
disabled
result end "$([ -z "$failed" ] && echo passed || echo FAILED)" ''
poweroff -f
