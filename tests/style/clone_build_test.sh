#!/bin/bash
# What the README promises to whoever has the packages: in a clone of the last commit,
# `qmake6 fluxion.pro && make` gives ./fluxion, and git sees nothing new or changed after it.
set -u
cd "$(dirname "$0")/../.." || exit 1

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
passed=0
failed=0
check() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -n 30 "$clone.log"
    fi
}
builds() (
    # As typed by hand: nothing of the make above this one may reach the one below.
    unset MAKEFLAGS MAKELEVEL MFLAGS
    cd "$clone" && qmake6 fluxion.pro && make
) > "$clone.log" 2>&1
is_clean() {
    git -C "$clone" status --porcelain > "$clone.log" && [ ! -s "$clone.log" ]
}
runs() {
    "$clone/fluxion" --version > "$clone.log" 2>&1
}

git clone --quiet --no-hardlinks . "$clone" || exit 1
check "qmake6 fluxion.pro && make" builds
check "./fluxion is there and tells its version" runs
check "git status is clean" is_clean
rm -f "$clone.log"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
