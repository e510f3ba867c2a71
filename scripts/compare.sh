#!/usr/bin/env bash
# Switchboard beside epoll servers, on this machine: installs and builds what is compared, runs every
# scenario with every server in several rounds, and writes tables, charts and all figures.
#
#   scripts/compare.sh                      everything, 5 rounds, about 45 minutes
#   scripts/compare.sh --quick              one round, about 7 minutes
#   scripts/compare.sh --rps                also where packets change cores; needs root, twice the time
#   scripts/compare.sh --update-docs        puts tables and charts into docs/benchmarks/
#   scripts/compare.sh --help               all options
#
# What it installs stays in bench/.cache; Debian packages are only unpacked there. Kernel settings that
# are too small for the connections are set as root, and put back at the end.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=compare.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/tuning.sh
source "$scripts/lib/tuning.sh"
# shellcheck source=scripts/lib/packages.sh
source "$scripts/lib/packages.sh"

cache=$root/bench/.cache
peers=$root/bench/peers

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "failed: $*"
    fi
    rm -f "$log"
}

# up_to_date FILE STAMP: whether what is installed is what FILE asks for.
up_to_date() { cmp -s "$1" "$2"; }

install_python() {
    local wanted=$root/bench/compare/requirements.txt
    up_to_date "$wanted" "$cache/venv/installed.txt" && return
    say "installing matplotlib"
    rm -rf "$cache/venv"
    quietly python3 -m venv "$cache/venv"
    quietly "$cache/venv/bin/pip" install --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$cache/venv/installed.txt"
}

install_bun() {
    up_to_date "$peers/bun/package-lock.json" "$cache/bun/installed.json" && return
    say "installing Bun"
    rm -rf "$cache/bun"
    mkdir -p "$cache/bun"
    cp "$peers/bun/package.json" "$peers/bun/package-lock.json" "$cache/bun"
    (cd "$cache/bun" && quietly npm ci --no-audit --no-fund --loglevel=error)
    cp "$peers/bun/package-lock.json" "$cache/bun/installed.json"
}

# nginx and nchan are unpacked, not installed: a package would start a service.
install_nchan() {
    [ -s "$cache/nginx/versions" ] && return
    say "unpacking nginx and nchan"
    rm -rf "$cache/nginx"
    mkdir -p "$cache/nginx/packages"
    quietly as_root apt-get update
    local packages=(nginx libnginx-mod-nchan) package
    (cd "$cache/nginx/packages" && quietly apt-get download "${packages[@]}")
    for package in "$cache"/nginx/packages/*.deb; do
        dpkg-deb --extract "$package" "$cache/nginx"
    done
    if ldd "$cache/nginx/usr/sbin/nginx" | grep -q 'not found'; then
        quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            libcrypt1 libpcre2-8-0 libssl3 zlib1g
    fi
    for package in "$cache"/nginx/packages/*.deb; do
        printf '%s %s\n' "$(dpkg-deb --field "$package" Package)" "$(dpkg-deb --field "$package" Version)"
    done | paste -sd , | sed 's/,/, /g' >"$cache/nginx/versions"
}

build_peers() {
    cargo build --quiet --release --locked --manifest-path "$peers/Cargo.toml" --target-dir "$cache/peers" ||
        die "the build of bench/peers failed"
}

# These measure nothing, and need nothing that is measured.
measures=1
for argument in "$@"; do
    case $argument in
    -h | --help)
        cd "$root/bench" && exec python3 -m compare --help
        ;;
    --from | --from=*) measures=0 ;;
    esac
done

install_packages python3=python3
install_python
if [ $measures = 1 ]; then
    install_packages npm=npm taskset=util-linux ip=iproute2
    install_bun
    install_nchan
    build_programs
    build_peers
    export SWITCHBOARD_BIN=$server_bin SWITCHBOARD_LOAD_BIN=$load_bin
    trap tuning_undo EXIT
    if tuning_may_apply; then
        tuning_settings 10000 both
        tuning_apply || say "  going on without what was refused"
    fi
fi
PYTHONPATH=$root/bench "$cache/venv/bin/python" -m compare "$@"
