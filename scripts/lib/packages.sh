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

# install_packages COMMAND=PACKAGE...: Debian packages for the commands that are missing.
install_packages() {
    local missing=() pair
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        die "apt-get could not install ${missing[*]}"
    fi
    rm -f "$log"
}
