#!/usr/bin/env bash
# Boots the kernels that people run, each in a virtual machine without hardware support, and tries the
# plane, the server and the load tool in it. Ends with a table of kernels and results.
#
#   scripts/kernels.sh [6.1|6.12|all]       all of them when nothing is said
#
# Debian's kernel packages are downloaded by name and unpacked under the build folder; nothing but qemu
# is installed. About ten minutes for each kernel, since every instruction is emulated. Run it before
# a change of the plane is finished.
#
# SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN name programs to use instead of building them.
set -euo pipefail

# shellcheck disable=SC2034 # of lib/load.sh
name=kernels.sh
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
source "$scripts/lib/load.sh"
# shellcheck source=scripts/lib/packages.sh
source "$scripts/lib/packages.sh"

# One virtual machine may take this long.
boot_seconds_max=1800
guest_memory=4G guest_cores=2

case ${1:-all} in
all) series=(6.1 6.12) ;;
6.1 | 6.12) series=("$1") ;;
*) die "no kernel '$1'; there are: 6.1, 6.12, all" ;;
esac

# package_of SERIES: the newest of Debian's packages of these kernels.
package_of() {
    local pattern
    case $1 in
    6.1) pattern='^linux-image-6\.1\.0-[0-9]+-cloud-amd64$' ;;
    6.12) pattern='^linux-image-6\.12\.[0-9]+.*-cloud-amd64$' ;;
    esac
    apt-cache search --names-only "$pattern" | cut -d ' ' -f 1 | sort -V | tail -n 1
}

# unpack PACKAGE FOLDER: downloads a package and unpacks it, unless that is done.
unpack() {
    [ ! -e "$2/.unpacked" ] || return 0
    rm -rf "$2"
    mkdir -p "$2"
    (cd "$2" && apt-get download "$1" && dpkg -x ./*.deb .) >"$work/apt.log" 2>&1 || {
        tail -n 5 "$work/apt.log" >&2
        die "apt-get could not download $1"
    }
    rm -f "$2"/*.deb
    touch "$2/.unpacked"
}

# test_programs: the plane's test programs, one `NAME PATH` a line.
test_programs() {
    (cd "$root" && cargo test --quiet --locked -p switchboard-plane --no-run --message-format json) |
        python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and message["profile"]["test"]:
        print(message["target"]["name"], message["executable"])'
}

# add PROGRAM NAME: puts a program without its debug information, and the libraries that it loads,
# into the file system of the guest.
add() {
    local library
    strip --strip-debug -o "$guest/bin/$2" "$1"
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do
        [ -e "$guest$library" ] || install -D "$library" "$guest$library"
    done
}

# build_guest: a file system with busybox, the programs, and the script that tries them.
build_guest() {
    local test_name test_path
    rm -rf "$guest"
    mkdir -p "$guest"/{bin,dev,proc,sys,tmp,etc}
    install "$work/busybox/bin/busybox" "$guest/bin/busybox"
    install "$scripts/kernels/guest.sh" "$guest/init"
    echo 'root:x:0:0::/:/bin/sh' >"$guest/etc/passwd"
    add "$server_bin" switchboard
    add "$load_bin" switchboard-load
    while read -r test_name test_path; do
        add "$test_path" "test-$test_name"
    done <"$work/test-programs"
    (cd "$guest" && find . | ./bin/busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs.gz"
}

# boot SERIES: runs the guest on a kernel; its results are the lines of results-SERIES.
boot() {
    local kernel console=$work/console-$1.log
    kernel=$(find "$work/linux-$1/boot" -name 'vmlinuz-*' | head -n 1)
    timeout --kill-after 10 "$boot_seconds_max" qemu-system-x86_64 \
        -accel tcg,thread=multi -cpu max -smp "$guest_cores" -m "$guest_memory" -nic none \
        -kernel "$kernel" -initrd "$work/initramfs.gz" -append 'console=ttyS0 quiet panic=-1' \
        -display none -monitor none -serial "file:$console" -no-reboot </dev/null || true
    tr -d '\r' <"$console" | sed -n 's/^RESULT //p' >"$work/results-$1"
    grep -q '^end|' "$work/results-$1" ||
        { tail -n 40 "$console" >&2; say "kernels.sh: $1 did not come to its end, see $console"; }
}

# table: what each kernel did, one row a test.
table() {
    local one row
    printf '| |'
    for one in "${series[@]}"; do printf ' %s |' "$(field "$one" kernel)"; done
    printf '\n|---|'
    for one in "${series[@]}"; do printf -- '---|'; done
    printf '\n'
    while read -r row; do
        printf '| %s |' "$row"
        for one in "${series[@]}"; do printf ' %s |' "$(field "$one" "$row")"; done
        printf '\n'
    done < <(cut -d '|' -f 1 "${series[@]/#/$work/results-}" | grep -v '^kernel$\|^end$' | awk '!seen[$0]++')
}

# field SERIES ROW: what the table says there.
field() {
    awk -F '|' -v row="$2" '$1 == row { print $2 ($3 == "" ? "" : ": ") $3 }' "$work/results-$1"
}

install_packages qemu-system-x86_64=qemu-system-x86 python3=python3 strip=binutils
build_programs
work=$(target_dir)/kernels
guest=$work/guest
mkdir -p "$work"
test_programs >"$work/test-programs"
[ -s "$work/test-programs" ] || die 'the tests of the plane were not built'
# The list of packages is needed even where nothing has to be installed.
[ -n "$(package_of "${series[0]}")" ] || as_root apt-get update >/dev/null
unpack busybox-static "$work/busybox"
for one in "${series[@]}"; do
    package=$(package_of "$one")
    [ -n "$package" ] || die "Debian's lists have no package of Linux $one"
    say "Linux $one: $package"
    unpack "$package" "$work/linux-$one"
done
build_guest
for one in "${series[@]}"; do
    say "booting Linux $one"
    boot "$one"
done
say
table
for one in "${series[@]}"; do
    if ! grep -q '^end|passed|' "$work/results-$one" || cut -d '|' -f 2 "$work/results-$one" | grep -q FAILED; then
        failed=1
    fi
done
[ -z "${failed:-}" ] || die "FAILED; what the guests said is in $work/console-*.log"
say
say "passed: ${series[*]}"
