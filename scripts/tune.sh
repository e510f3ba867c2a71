#!/usr/bin/env bash
# Kernel settings for N connections, each with its reason and its cost.
#
#   scripts/tune.sh N                  prints them, and which of them would change; changes nothing
#   scripts/tune.sh N --apply          sets those that will not do (as root; until the next boot)
#   scripts/tune.sh N --conf           prints lines for a file in /etc/sysctl.d, to keep them
#   ... --both-ends                    server and clients are both on this machine, as in a load test
#
# Values that are better than needed already are left alone.
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/tuning.sh
source "$scripts/lib/tuning.sh"

usage() { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

connections='' mode=print ends=server
for argument in "$@"; do
    case $argument in
    --apply) mode=apply ;;
    --conf) mode=conf ;;
    --both-ends) ends=both ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        if [ -n "$connections" ] || ! [[ $argument =~ ^[1-9][0-9]{0,7}$ ]]; then
            printf 'tune.sh: %s is not understood\n\n' "$argument" >&2
            usage >&2
            exit 64
        fi
        connections=$argument
        ;;
    esac
done
if [ -z "$connections" ]; then
    usage >&2
    exit 64
fi

tuning_settings "$connections" "$ends"

if [ "$mode" = conf ]; then
    printf '# For %s connections, by scripts/tune.sh.\n' "$(grouped "$connections")"
    for i in "${!tuning_keys[@]}"; do
        wanted=$(tuning_wanted "$i")
        printf '%s = %s\n' "${tuning_keys[i]}" "${wanted:-$(tuning_read "${tuning_keys[i]}")}"
    done
    exit 0
fi

where='the clients are elsewhere'
[ "$ends" = both ] && where='both ends on this machine'
printf 'Kernel settings for %s connections (%s)\n\n' "$(grouped "$connections")" "$where"
changes=0
for i in "${!tuning_keys[@]}"; do
    have=$(tuning_read "${tuning_keys[i]}")
    wanted=$(tuning_wanted "$i")
    if [ -n "$wanted" ]; then
        changes=$((changes + 1))
        printf 'CHANGE  %s: %s -> %s\n' "${tuning_keys[i]}" "$have" "$wanted"
    else
        printf 'ok      %s: %s\n' "${tuning_keys[i]}" "$have"
    fi
    printf '%s\n' "${tuning_reasons[i]}" | fold -s -w 88 | sed 's/^/        /; s/ *$//'
    printf 'Cost: %s\n\n' "${tuning_costs[i]}" | fold -s -w 88 | sed 's/^/        /; s/ *$//'
done

hard=$(ulimit -Hn)
cat <<TEXT
Not a sysctl: the descriptor limit of the process (ulimit -Hn), here $hard.
        With --plane io_uring it bounds a ring's file table, not the process: connections above it
        are spread over several rings. With --plane epoll it must be above the connections: set
        LimitNOFILE= in the unit file, and fs.nr_open (here $(tuning_read fs.nr_open)) at least as high.

TEXT

if [ "$mode" = print ]; then
    if [ $changes -eq 0 ]; then
        echo "Nothing to change."
    else
        echo "$changes to change. --apply sets them until the next boot; --conf prints them for /etc/sysctl.d."
    fi
    exit 0
fi

if ! tuning_may_apply; then
    echo "tune.sh: only root may set these (and in a container often nobody may)" >&2
    exit 77
fi
status=0
tuning_apply || status=1
if [ ${#tuning_replaced[@]} -gt 0 ]; then
    echo
    echo "To undo:"
    for pair in "${tuning_replaced[@]}"; do
        printf "  sysctl -w '%s'\n" "$pair"
    done
else
    echo "Nothing to change."
fi
exit $status
