#!/usr/bin/env bash
# Looks for inputs that break a property of fuzz/properties, with libFuzzer: one target after the other. By hand, not in
# CI, which runs the inputs that are kept. docs/fuzzing.md says what the targets are and what they found.
#
#   scripts/fuzz.sh                     all targets, 60 seconds each
#   scripts/fuzz.sh TARGET...           only these
#   ... --seconds N                     for N seconds each
#   ... --sanitizer address             with AddressSanitizer, for the code that is unsafe
#   ... --keep                          adds to fuzz/corpus what reaches more code, a few small inputs
#
# What a run learns stays in target/fuzz/corpus and the next run begins with it. What it finds is in
# target/fuzz/artifacts/TARGET and is never deleted; exit status 1 when there is something new. Repeat one with
# `scripts/fuzz.sh TARGET --input FILE`. Once it is repaired it belongs into fuzz/findings/TARGET, where the tests run it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=0.13.2
MEMORY_MB=1024
# One input may take so long; the slowest that is known takes a hundredth of it.
INPUT_SECONDS_MAX=10
INPUT_BYTES_MAX=8192
SEEDS_MAX=60
SEED_BYTES_MAX=1024

usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
say() { printf '%s\n' "$*"; }
die() { say "fuzz.sh: $*" >&2; exit 64; }

seconds=60 sanitizer=none keep=no input='' targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || die "--seconds needs a number"
        seconds=$2
        shift
        ;;
    --sanitizer)
        [[ ${2:-} =~ ^(none|address)$ ]] || die "--sanitizer is none or address"
        sanitizer=$2
        shift
        ;;
    --input)
        [ -f "${2:-}" ] || die "--input needs a file"
        input=$(realpath "$2")
        shift
        ;;
    --keep) keep=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*)
        usage >&2
        exit 64
        ;;
    *)
        [ -f "fuzz/targets/targets/$1.rs" ] || die "there is no target $1 in fuzz/targets/targets"
        targets+=("$1")
        ;;
    esac
    shift
done
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(basename --suffix .rs fuzz/targets/targets/*.rs)
fi
[ -z "$input" ] || [ ${#targets[@]} -eq 1 ] || die "--input is for one target"

command -v cargo >/dev/null || die "cargo is missing"
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked "cargo-fuzz@$VERSION"

place=$PWD/target/fuzz
# The sanitizer is an option of the compiler that the stable toolchain has, but hides.
[ "$sanitizer" = none ] || export RUSTC_BOOTSTRAP=1
mkdir -p "$place"
if ! nice -n 5 cargo fuzz build --fuzz-dir fuzz/targets --target-dir "$place" --sanitizer "$sanitizer" \
    >"$place/build.log" 2>&1; then
    tail -n 30 "$place/build.log" >&2
    die "the build failed"
fi

# program TARGET: its path.
program() { say "$place/$(rustc -vV | sed -n 's/^host: //p')/release/$1"; }

# found TARGET: what it has found so far.
found() { find "$place/artifacts/$1" -type f 2>/dev/null | sort; }

# keep TARGET: adds to the seeds, smallest first, what reaches code that they do not.
keep() {
    local merged seeds=fuzz/corpus/$1 file
    merged=$(mktemp -d)
    cp "$seeds"/* "$merged"
    "$(program "$1")" -merge=1 -max_len=$SEED_BYTES_MAX "$merged" "$place/corpus/$1" >"$place/$1.log" 2>&1 || true
    while IFS= read -r file; do
        [ "$(find "$seeds" -type f | wc -l)" -lt $SEEDS_MAX ] || break
        [ -e "$seeds/${file##*/}" ] || cp "$file" "$seeds/"
    done < <(find "$merged" -type f -size "-$((SEED_BYTES_MAX + 1))c" -printf '%s %p\n' | sort -n | cut -d ' ' -f 2-)
    rm -rf "$merged"
}

# run TARGET: says what it did; false where it found something.
run() {
    local target=$1 log=$place/$1.log before status=0
    local folders=("$place/corpus/$target" "fuzz/corpus/$target")
    [ ! -d "fuzz/findings/$target" ] || folders+=("fuzz/findings/$target")
    mkdir -p "$place/corpus/$target" "$place/artifacts/$target"
    before=$(found "$target")
    nice -n 5 "$(program "$target")" "${folders[@]}" \
        -max_total_time="$seconds" -timeout=$INPUT_SECONDS_MAX -rss_limit_mb=$MEMORY_MB \
        -max_len=$INPUT_BYTES_MAX -print_final_stats=1 -artifact_prefix="$place/artifacts/$target/" \
        >"$log" 2>&1 </dev/null || status=$?
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s," \
        "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1) places reached," \
        "$(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MB"
    if [ $status -ne 0 ] || [ "$(found "$target")" != "$before" ]; then
        say "  FOUND something (status $status, all of it in $log):"
        grep -m 1 -A 3 'panicked at\|ERROR: libFuzzer' "$log" | cut -c 1-500 | sed 's/^/  /' || true
        comm -13 <(say "$before") <(found "$target") | sed 's/^/  /'
        return 1
    fi
    [ "$keep" = no ] || keep "$target"
}

if [ -n "$input" ]; then
    exec "$(program "${targets[0]}")" "$input"
fi
status=0
for target in "${targets[@]}"; do
    run "$target" || status=1
done
exit $status
