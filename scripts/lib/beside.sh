# shellcheck shell=bash
# What comparisons of honest clients alone and beside others share; to be sourced after load.sh. A channel is
# published to by HTTP 50 times a second. All of the server runs on the first core. The load tool and those
# beside have the last one, where the load tool goes first (nice), so that it sees what the server does and not how
# busy its own core is.
#
# The script has `plane`, `rounds`, `seconds` and `connections`, and a function `measure KIND ROUND`, which calls
# start_server, start_beside, publish_to_clients, stop_beside and stop_server.

# shellcheck disable=SC2154 # of load.sh and of the script

# read_options OPTION...: sets plane, rounds, seconds and connections. Hands what else there is to `other_option`,
# if the script has that, which returns false for what it does not know.
read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --plane)
            check_plane "${2:-}"
            declare -g "plane=$2"
            ;;
        --rounds | --seconds | --connections)
            [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 needs a number"
            declare -g "${1#--}=$2"
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            if [ "$(type -t other_option)" != function ] || ! other_option "$@"; then
                usage >&2
                exit 64
            fi
            ;;
        esac
        shift 2
    done
}

# prepare: builds the programs, chooses the cores, and makes $records, which is gone at the end.
prepare() {
    command -v python3 >/dev/null || die "python3 is missing"
    build_programs
    read -r first_core last_core <<<"$(python3 -c \
        'import os; cores = os.sched_getaffinity(0); print(min(cores), max(cores))')"
    # shellcheck disable=SC2034 # of load.sh
    server_within=(taskset --cpu-list "$first_core")
    records=$(mktemp -d)
    beside_pid=''
    trap 'stop_beside; stop_server; rm -rf "$records"' EXIT
}

# start_beside DID NICE COMMAND...: starts those beside, who write into the file DID what they do, and waits until
# they say there, or in the log, that they have begun.
start_beside() {
    local did=$1 nice=$2 i
    shift 2
    nice -n "$nice" taskset --cpu-list "$last_core" "$@" >"$did" 2>"$records/log" </dev/null &
    beside_pid=$!
    for ((i = 0; i < 600; i++)); do
        grep -qE 'attacking|publishing' "$did" "$records/log" 2>/dev/null && return
        kill -0 "$beside_pid" 2>/dev/null || break
        sleep 0.1
    done
    die "those beside did not begin: $(tail -n 5 "$records/log")"
}

# stop_beside: asks them to end, which they do with what they did.
stop_beside() {
    [ -n "$beside_pid" ] || return 0
    kill -TERM "$beside_pid" 2>/dev/null || true
    wait "$beside_pid" 2>/dev/null || true
    beside_pid=''
}

# publish_to_clients KIND RECORD OPTION...: publishes to the honest clients; the load tool's report is the RECORD.
publish_to_clients() {
    local kind=$1 record=$2
    shift 2
    "$load_bin" fanout "ws://$public/sub/{channel}" --publish-url "http://$internal/pub/{channel}" \
        --connections "$connections" --rate 50 --size 128 --duration "${seconds}s" --pin "$last_core" \
        --pid "$server_pid" --quiet --json "$@" >"$record" && return
    say "  $kind: the run did not pass: $(python3 -c \
        'import json, sys; print(*json.load(sys.stdin)["verdict"]["failed"], sep="; ")' <"$record")"
}

# measure_rounds KIND...: each kind in each round.
measure_rounds() {
    local round kind
    for ((round = 1; round <= rounds; round++)); do
        for kind in "$@"; do
            measure "$kind" "$round"
        done
        say "round $round of $rounds"
    done
    say
}
