# shellcheck shell=bash
# Starts the server, runs the load tool against it, stops it. Sourced by c10k.sh, c1m.sh,
# networks.sh and soak.sh, which set `name` to their own name before.
#
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${name:?}" "$*" >&2; exit 1; }

# The folder of cargo's output, wherever a configuration put it.
target_dir() {
    (cd "$root" && cargo metadata --format-version 1 --no-deps 2>/dev/null) |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# built PACKAGE: builds a package and prints the path of its program, which has the same name.
built() {
    command -v cargo >/dev/null || die "cargo is missing, and no program is named in the environment"
    (cd "$root" && cargo build --quiet --release -p "$1") || die "the build of $1 failed"
    printf '%s/release/%s' "$(target_dir)" "$1"
}

# build_server: sets server_bin, and builds it when it is not up to date.
build_server() {
    server_bin=${SWITCHBOARD_BIN:-$(built switchboard)}
    [ -x "$server_bin" ] || die "$server_bin is not there"
}

# build_programs: sets server_bin and load_bin, and builds what is not there or not up to date.
build_programs() {
    build_server
    load_bin=${SWITCHBOARD_LOAD_BIN:-$(built switchboard-load)}
    [ -x "$load_bin" ] || die "$load_bin is not there"
}

# check_plane NAME: ends the script unless it is that of a plane.
check_plane() {
    case $1 in
    io_uring | epoll) ;;
    *) die "--plane is io_uring or epoll" ;;
    esac
}

# default_reports: a folder for the reports of this run.
default_reports() {
    printf '%s/switchboard-reports/%s-%s' "${TMPDIR:-/tmp}" "$name" "$(date +%Y%m%d-%H%M%S)"
}

# describe PLANE COMMAND: sets described to options for the load tool: what its report is of, and what
# repeats the run, since the addresses of start_server are others next time.
describe() {
    # shellcheck disable=SC2034 # of the scripts
    described=(--label "Switchboard $("$server_bin" --version | sed 's/.* //') on $1" --command "$2")
}

server_pid='' server_log=''
# Where the server listens, and a command to start it with, such as one that enters a namespace.
server_address=127.0.0.1 server_within=()

# start_server PLANE OPTION...: starts the server on free ports of server_address and sets
# server_pid, public and internal (host:port).
start_server() {
    local plane=$1 line='' i
    shift
    server_log=$(mktemp)
    # In a session of its own, so that Ctrl-C ends the measuring before it ends the server. The server
    # refuses variables of its prefix that it does not know, so ours are taken away.
    setsid "${server_within[@]}" env -u SWITCHBOARD_BIN -u SWITCHBOARD_LOAD_BIN "$server_bin" \
        --plane "$plane" --listen "$server_address:0" --internal-listen "$server_address:0" "$@" \
        >"$server_log" 2>&1 </dev/null &
    server_pid=$!
    for ((i = 0; i < 100; i++)); do
        line=$(grep -m 1 'listening on http://' "$server_log" || true)
        [ -n "$line" ] && break
        if ! kill -0 "$server_pid" 2>/dev/null; then
            sed 's/^/  /' "$server_log" >&2
            die "the server did not start with --plane $plane"
        fi
        sleep 0.1
    done
    [ -n "$line" ] || die "the server did not say that it listens"
    public=$(sed 's/.*listening on http:\/\/\([^ ,]*\).*/\1/' <<<"$line")
    internal=$(sed 's/.*internal API http:\/\/\([^ ;]*\).*/\1/' <<<"$line")
    if [ -z "$public" ] || [ -z "$internal" ]; then
        die "the start-up line of the server is not understood: $line"
    fi
}

# stop_server: asks the server to stop, and ends it when it has not after a while.
stop_server() {
    local i tenths=200
    [ -n "$server_pid" ] || return 0
    kill -TERM "$server_pid" 2>/dev/null || true
    for ((i = 0; i < tenths; i++)); do
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=''
    rm -f "$server_log"
}

# Ends what was started, however the script ends. Ctrl-C reaches the load tool too, which then
# reports what it has measured so far; only after that does the shell run the trap.
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
