#!/bin/sh
# Plants known defects, one at a time, and requires that the fault suite sees each of them.
#
#   plants.sh LIBRARY OBJECTS [PATCH...]
#
# LIBRARY is the static library, OBJECTS the folder that holds the object files of the fault suite
# and its main(). CXX, CXXFLAGS and LIBS (default: g++, -O1, the library's own) may be set. Each
# patch in plants/ changes one source file; its copy is compiled and linked in front of the
# library. The line "Tests:" in a patch names the test cases that must fail with it and must pass
# without it. Ends with the line "N passed, N failed".

set -u

if [ $# -lt 2 ]; then
    sed -n '2,11s/^# \{0,1\}//p' "$0"
    exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=$(realpath "$1")
objects=$(find "$(realpath "$2")" -name '*.o')
shift 2
CXX=${CXX:-g++}
CXXFLAGS=${CXXFLAGS:--O1}
LIBS=${LIBS:--lsimdjson -lre2 -lzstd -lpthread}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

good() {
    echo "ok    $1"
    passed=$((passed + 1))
}
bad() {
    echo "FAIL  $1: $2"
    failed=$((failed + 1))
    [ -f "$work/output" ] && tail -n 5 "$work/output" | sed 's/^/      /'
}

# Links $objects and the library, with $2 (if any) in front, to $1.
link() {
    # shellcheck disable=SC2086 # lists of words
    $CXX $CXXFLAGS -o "$1" ${2:+"$2"} $objects "$library" $LIBS >"$work/output" 2>&1
}

# Compiles the source that patch $1 changes, changed, to $work/planted.o.
plant() {
    source=$(sed -n 's,^+++ b/,,p' "$1")
    rm -rf "$work/tree"
    mkdir -p "$work/tree/$(dirname "$source")"
    cp "$root/$source" "$work/tree/$source"
    (cd "$work/tree" && git apply --whitespace=nowarn "$1") >"$work/output" 2>&1 || return 1
    # shellcheck disable=SC2086
    $CXX $CXXFLAGS -std=c++20 -w -I"$root/src" -c -o "$work/planted.o" "$work/tree/$source" \
        >"$work/output" 2>&1
}

# The tests that patch $1 names pass without it; each set of tests is run once.
sound() {
    mark="$work/sound-$(printf %s "$1" | cksum | tr ' ' -)"
    [ -f "$mark" ] && return 0
    "$work/unpatched" -tc="$1" >"$work/output" 2>&1 && touch "$mark"
}

if ! link "$work/unpatched"; then
    bad "the suite as it is" "does not link"
    echo "$passed passed, $failed failed"
    exit 1
fi

[ $# -gt 0 ] || set -- "$here"/plants/*.patch
for patch in "$@"; do
    patch=$(realpath "$patch")
    name=$(basename "$patch" .patch)
    tests=$(sed -n 's/^Tests: //p' "$patch")
    if [ -z "$tests" ]; then
        bad "$name" "names no tests"
    elif ! sound "$tests"; then
        bad "$name" "its tests fail without it"
    elif ! plant "$patch"; then
        bad "$name" "does not apply or compile any more"
    elif ! link "$work/planted" "$work/planted.o"; then
        bad "$name" "does not link"
    elif timeout 600 "$work/planted" -tc="$tests" >"$work/output" 2>&1; then
        bad "$name" "goes unseen"
    elif [ $? -eq 124 ]; then
        bad "$name" "the tests do not end"
    else
        good "$name"
    fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
