# shellcheck shell=bash
# Installs Debian packages that are missing. Sourced by scripts that define `say` and `die`.

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        die "to install '$*' this needs root or sudo"
    fi
}

# Runs a command while Debian starts none of the services that it installs: only programs are wanted.
without_services() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'as_root rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    "$@"
)

# install_packages COMMAND=PACKAGE...: Debian packages for the commands that are missing.
install_packages() {
    local missing=() pair
    for pair in "$@"; do
        # Users other than root have no /usr/sbin in their path, where servers are.
        PATH="$PATH:/usr/sbin" command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { as_root apt-get update && without_services as_root env \
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        die "apt-get could not install ${missing[*]}"
    fi
    rm -f "$log"
}
