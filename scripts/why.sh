#!/usr/bin/env bash
# Why the server is there, in figures: the same news for 1,000 clients that poll a backend (FastAPI, in
# bench/why) at an interval, that long-poll it, and that listen to Switchboard, a minute each. Prints what
# the backend had to do, and how old the news was, as a table in markdown.
#
#   scripts/why.sh                     about five minutes
#   scripts/why.sh --update-docs       puts table and chart into docs/why.md
#   scripts/why.sh --help              all options
#
# What it installs stays in bench/.cache.
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=why.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"

clients=1000
options=()
while [ $# -gt 0 ]; do
    case $1 in
    --update-docs) options+=(--update-docs "$root/docs/why.md") ;;
    --clients)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || die "--clients needs a number"
        clients=$2
        options+=("$1" "$2")
        shift
        ;;
    *) options+=("$1") ;;
    esac
    shift
done

# What is needed, and what was installed when it was last looked at.
cache=$root/bench/.cache
venv=$cache/why-venv
wanted=("$root/bench/why/requirements.txt" "$root/bench/compare/requirements.txt")
if ! cat "${wanted[@]}" | cmp -s - "$venv/installed.txt"; then
    say "installing FastAPI and matplotlib" >&2
    rm -rf "$venv"
    mkdir -p "$cache"
    python3 -m venv "$venv"
    for file in "${wanted[@]}"; do
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$file"
    done
    cat "${wanted[@]}" >"$venv/installed.txt"
fi

export PYTHONPATH=$root/bench
case " ${options[*]} " in
*' -h '* | *' --help '*) exec "$venv/bin/python" -m why --help ;;
esac
build_programs
export SWITCHBOARD_BIN=$server_bin SWITCHBOARD_LOAD_BIN=$load_bin
tokens=$(mktemp -d)
trap 'rm -rf "$tokens"' EXIT
"$venv/bin/python" "$scripts/make_tokens.py" "$clients" "$tokens"
"$venv/bin/python" -m why --tokens "$tokens" "${options[@]}"
