# shellcheck shell=bash
# Kernel settings for many connections: which, how much, why, at what cost. Sourced by tune.sh and
# c1m.sh.

# The settings, one entry in each list per setting.
tuning_keys=() tuning_values=() tuning_kinds=() tuning_reasons=() tuning_costs=()
# What tuning_apply replaced, in the same order: "key=old value".
tuning_replaced=()

tuning_path() { printf '/proc/sys/%s' "${1//.//}"; }

# tuning_read KEY: the value with single blanks, or nothing where the kernel does not have it.
tuning_read() {
    local path words
    path=$(tuning_path "$1")
    [ -r "$path" ] || return 0
    read -r -a words <"$path" || true
    printf '%s' "${words[*]-}"
}

# A number with commas between its thousands.
grouped() {
    local n=$1 out=''
    while [ ${#n} -gt 3 ]; do
        out=",${n: -3}$out"
        n=${n:0:-3}
    done
    printf '%s' "$n$out"
}

# human BYTES: a size in MiB or GiB.
human() {
    awk -v b="$1" 'BEGIN { if (b >= 2^30) printf "%.1f GiB", b / 2^30; else printf "%.0f MiB", b / 2^20 }'
}

# setting KEY VALUE KIND REASON COST. KIND says when the present value will do:
#   least   every number of it is at least that of VALUE
#   most    it is at most VALUE
#   range   it reaches from at most the first to at least the second number
setting() {
    # What this kernel does not have cannot be in the way.
    [ -n "$(tuning_read "$1")" ] || return 0
    tuning_keys+=("$1") tuning_values+=("$2") tuning_kinds+=("$3")
    tuning_reasons+=("$4") tuning_costs+=("$5")
}

# tuning_settings N ENDS: fills the lists for N connections with one end (`server`) or both ends
# (`both`) of each on this machine.
tuning_settings() {
    local n=$1 ends=$2 count page pages memory
    count=$n
    [ "$ends" = both ] && count=$((2 * n))
    page=$(getconf PAGESIZE)
    memory=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) * 1024))
    tuning_keys=() tuning_values=() tuning_kinds=() tuning_reasons=() tuning_costs=()

    setting fs.file-max $((count + count / 20 + 20000)) least \
        "Every end of a connection on this machine is an open file of the system, also when it is a direct descriptor of a ring and no descriptor of the process." \
        "None until used; an open socket takes about 4 KB of kernel memory."
    setting kernel.io_uring_disabled 0 most \
        "With 1 or 2, unprivileged programs or all programs are refused io_uring, and a process holds no more connections than its descriptor limit." \
        "io_uring is a large kernel interface; where strangers may run programs, 1 with kernel.io_uring_group is the better choice."
    setting net.core.somaxconn 65535 least \
        "Bounds the queue of connections that wait to be accepted, whatever the server asks for with listen(). A full one drops handshakes, and clients see a second of delay." \
        "About 300 B for each connection that waits."
    setting net.ipv4.tcp_max_syn_backlog 65535 least \
        "Bounds the handshakes in progress when many clients connect at once." \
        "About 300 B each; with SYN cookies on, a flood costs no more."
    setting net.core.netdev_max_backlog 16384 least \
        "Packets that may wait for a CPU. Loopback traffic and what receive packet steering hands over goes through it; what does not fit is dropped and sent again 200 ms later." \
        "Up to so many packets of memory on each CPU, and more delay when it is full."
    # A message to every connection at once takes a page in each receive queue and one in each send
    # queue; memory pressure begins at the second number.
    pages=$count
    [ $((2 * pages * page)) -gt $((memory / 2)) ] && pages=$((memory / 4 / page))
    setting net.ipv4.tcp_mem "$((pages / 2)) $pages $((2 * pages))" least \
        "Pages of $page B, not bytes: where none, some and all memory pressure begins. Above the last number the kernel drops what it receives. One message under way to every connection takes about a page each, so it should allow $(human $((2 * pages * page)))." \
        "It is a bound and takes nothing by itself; but so much memory can then be taken by slow readers."
    setting net.ipv4.tcp_max_orphans "$n" least \
        "Connections that were closed with data still to send. When all are closed at once and there are more than this, the kernel resets the rest, and clients miss the Close frame." \
        "Each may hold up to 64 KB that cannot be swapped out, until it times out."
    setting net.ipv4.tcp_max_tw_buckets "$n" least \
        "Connections that were closed first from this machine stay in TIME_WAIT for 60 s. When there are more than this, the kernel forgets the rest early and says so in its log." \
        "About 250 B each for 60 s."
    if [ "$ends" = both ]; then
        # Wide enough is left as it is: other programs may have ports above it.
        local low high
        read -r low high <<<"$(tuning_read net.ipv4.ip_local_port_range)"
        if [ $((high - low)) -lt 20000 ]; then
            setting net.ipv4.ip_local_port_range "10240 65535" range \
                "The client's end takes a port for each connection. The load tool takes another source address (127.0.0.2, .3, ...) every 10,000 connections, and a free port is found quickly while a third of the range is free." \
                "A server that starts later on a port from 10240 up may find it taken: reserve such ports with net.ipv4.ip_local_reserved_ports."
        fi
    else
        setting net.ipv4.tcp_slow_start_after_idle 0 most \
            "A push server is silent, then sends a lot. With 1 each pause throws away what TCP had learned about the path." \
            "The first packets after a pause come in a burst."
        setting net.ipv4.tcp_rmem "4096 16384 1048576" most \
            "Receive buffer: least, first, most. A small first value bounds what idle or hostile clients can make the kernel hold." \
            "Large uploads from a client begin more slowly and reach at most 1 MiB a round trip."
        setting net.ipv4.tcp_wmem "4096 16384 1048576" most \
            "Send buffer: least, first, most. A small last value makes a slow reader visible to the server early." \
            "At most 1 MiB a round trip to each client."
    fi
    # Connection tracking counts only where a firewall rule made it look.
    if [ "$(tuning_read net.netfilter.nf_conntrack_count)" != "" ] &&
        [ "$(tuning_read net.netfilter.nf_conntrack_count)" -gt 0 ]; then
        setting net.netfilter.nf_conntrack_max $((2 * n)) least \
            "A firewall rule on this machine tracks connections; beyond the maximum new ones are dropped. Better still: exempt the server's port with notrack." \
            "About 320 B for each tracked connection."
    fi
}

# tuning_wanted INDEX: the value to set, or nothing when the present one will do. Numbers that are
# better than needed are kept.
tuning_wanted() {
    local i now want out=() changed='' k worse
    read -r -a now <<<"$(tuning_read "${tuning_keys[$1]}")"
    read -r -a want <<<"${tuning_values[$1]}"
    for i in "${!want[@]}"; do
        k=${tuning_kinds[$1]}
        [ "$k" = range ] && { [ "$i" -eq 0 ] && k=most || k=least; }
        worse=$(awk -v h="${now[i]:-0}" -v w="${want[i]}" -v k="$k" \
            'BEGIN { print (k == "least" ? h + 0 < w + 0 : h + 0 > w + 0) }')
        if [ "$worse" = 1 ]; then
            out+=("${want[i]}") changed=1
        else
            out+=("${now[i]}")
        fi
    done
    [ -z "$changed" ] || printf '%s' "${out[*]}"
}

# Whether the settings can be written here at all.
tuning_may_apply() { [ -w "$(tuning_path fs.file-max)" ]; }

# tuning_apply: sets what will not do, and remembers what was there for tuning_undo. Prints each
# change. Returns 1 when one was refused.
tuning_apply() {
    local i key old new status=0
    for i in "${!tuning_keys[@]}"; do
        key=${tuning_keys[i]}
        new=$(tuning_wanted "$i")
        [ -n "$new" ] || continue
        old=$(tuning_read "$key")
        # Remembered first: an interruption between the two lines must not forget it.
        tuning_replaced+=("$key=$old")
        if { printf '%s\n' "$new" >"$(tuning_path "$key")"; } 2>/dev/null; then
            printf '  set %s: %s -> %s\n' "$key" "$old" "$new"
        else
            printf '  could not set %s to %s: the system refuses it\n' "$key" "$new"
            status=1
        fi
    done
    return $status
}

# tuning_undo: puts back what tuning_apply replaced.
tuning_undo() {
    local i key old
    for ((i = ${#tuning_replaced[@]} - 1; i >= 0; i--)); do
        key=${tuning_replaced[i]%%=*}
        old=${tuning_replaced[i]#*=}
        [ "$(tuning_read "$key")" = "$old" ] && continue
        if { printf '%s\n' "$old" >"$(tuning_path "$key")"; } 2>/dev/null; then
            printf '  put back %s: %s\n' "$key" "$old"
        else
            printf '  could not put back %s; it was: %s\n' "$key" "$old" >&2
        fi
    done
    tuning_replaced=()
}
