#!/usr/bin/env bash
# Runs every check of the project, from a fresh clone: installs what the checks need, and stops at
# the first that fails.
#
#   scripts/test.sh                  all steps
#   scripts/test.sh STEP...          only these: fmt structure lint clippy unit doc build
#                                    integration autobahn instructions
#
# SWITCHBOARD_BIN names another binary to test than the one that `build` makes, SWITCHBOARD_DELAY_BIN
# and SWITCHBOARD_LOAD_BIN another delay-proxy and load tool than those that `integration` makes.
# SWITCHBOARD_TEST_PLANES=epoll leaves io_uring out where the kernel has none.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

STEPS=(fmt structure lint clippy unit doc build integration autobahn instructions)

say() { printf '%s\n' "$*"; }
die() { say "test.sh: $*" >&2; exit 1; }

# The folder of the build, wherever the caller or a configuration of cargo put it.
target_dir() {
    cargo metadata --format-version 1 --no-deps --offline 2>/dev/null \
        | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

# shellcheck source=scripts/lib/packages.sh
source scripts/lib/packages.sh
# shellcheck source=scripts/lib/nats.sh
source scripts/lib/nats.sh

# The environment of the Python tests, made again when its requirements change.
python_environment() {
    if ! cmp -s tests/requirements.txt .venv/installed.txt; then
        install_packages curl=curl
        rm -rf .venv
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
        cp tests/requirements.txt .venv/installed.txt
    fi
}

node_environment() {
    if ! cmp -s tests/node/package-lock.json tests/node/node_modules/.installed; then
        (cd tests/node && npm ci --no-audit --no-fund --loglevel=error)
        cp tests/node/package-lock.json tests/node/node_modules/.installed
    fi
    # A lock file with the address of one registry would not install at another.
    if grep -n '"resolved"' tests/node/package-lock.json; then
        die "package-lock.json names download addresses: npm install --omit-lockfile-registry-resolved"
    fi
}

server_binary() {
    if [ -z "${SWITCHBOARD_BIN:-}" ]; then
        SWITCHBOARD_BIN="$(target_dir)/release/switchboard"
        [ -x "$SWITCHBOARD_BIN" ] || step_build
    fi
    export SWITCHBOARD_BIN
}

load_binary() {
    if [ -z "${SWITCHBOARD_LOAD_BIN:-}" ]; then
        # Not for release, as the proxy below: nothing is measured here, and `unit` has built the most.
        cargo build --locked -p switchboard-load
        SWITCHBOARD_LOAD_BIN="$(target_dir)/debug/switchboard-load"
    fi
    export SWITCHBOARD_LOAD_BIN
}

delay_binary() {
    if [ -z "${SWITCHBOARD_DELAY_BIN:-}" ]; then
        cargo build --locked -p switchboard-delay
        SWITCHBOARD_DELAY_BIN="$(target_dir)/debug/delay-proxy"
    fi
    export SWITCHBOARD_DELAY_BIN
}

step_fmt() { cargo fmt --all --check; }

# No circles of imports between files.
step_structure() {
    python3 scripts/check_structure_test.py
    scripts/check_structure.py
}

step_lint() {
    install_packages shellcheck=shellcheck
    shellcheck --external-sources .ci/run scripts/*.sh scripts/*/*.sh
    python_environment
    .venv/bin/ruff check --quiet --no-cache bench examples scripts tests
    scripts/check_dependencies.py
}

step_clippy() { cargo clippy --workspace --all-targets --all-features --locked -- -D warnings; }

step_unit() {
    # A client of the tests of `tls`.
    install_packages openssl=openssl
    cargo test --workspace --all-features --locked
}

step_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked; }

step_build() { cargo build --release --locked -p switchboard; }

run_pytest() {
    .venv/bin/python -m pytest -c tests/pytest.ini --rootdir tests tests --durations=10 "$@"
}

step_integration() {
    server_binary
    delay_binary
    load_binary
    install_packages chromium=chromium chromedriver=chromium-driver node=nodejs npm=npm ip=iproute2 \
        strace=strace
    # What stands in front of the server in docs/deploy.md, and its certificate.
    install_packages nginx=nginx haproxy=haproxy caddy=caddy apache2=apache2-bin openssl=openssl \
        systemd-analyze=systemd
    # Its PROXY protocol.
    [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] ||
        install_packages ngx_stream_module=libnginx-mod-stream
    python_environment
    install_nats .venv/nats
    node_environment
    # Most tests wait more than they compute, so two of them share a core; more than eight at once
    # would start browsers and servers for each few tests.
    local workers=$((2 * $(nproc)))
    run_pytest -m "not alone" --numprocesses $((workers < 8 ? workers : 8)) --dist loadgroup
    run_pytest -m alone
}

step_autobahn() {
    server_binary
    python_environment
    .venv/bin/python tests/autobahn/run.py
}

step_instructions() { scripts/instructions.sh; }

say_failed() {
    say
    say "test.sh: step $running FAILED"
}

main() {
    local step started all_started=$SECONDS times=()
    [ $# -gt 0 ] || set -- "${STEPS[@]}"
    for step in "$@"; do
        [[ " ${STEPS[*]} " == *" $step "* ]] || die "no step '$step'; there are: ${STEPS[*]}"
    done
    command -v cargo >/dev/null || die "cargo is missing"
    command -v python3 >/dev/null || install_packages python3=python3
    for step in "$@"; do
        say
        say "==== $step ===="
        started=$SECONDS
        # Not in a condition: `set -e` must end a step at its first failing command.
        running=$step
        trap say_failed EXIT
        "step_$step"
        trap - EXIT
        times+=("$step $((SECONDS - started)) s")
        say "---- ${times[-1]}"
    done
    say
    say "all passed in $((SECONDS - all_started)) s: $(IFS=,; say "${times[*]}")"
}

main "$@"
