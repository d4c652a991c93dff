#!/bin/bash
# qmake.sh FOLDER [ARGUMENT...] writes FOLDER's build.mk files, if something they say may be out of
# date. qmake looks for sources, includes and Q_OBJECT when it runs, and never again.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
state=build/qmake-$(basename "$(realpath -m "$folder")")

mkdir -p build "$folder"
{
    echo "$folder $*"
    find fluxion.pro src tests \( -name '*.pro' -o -name '*.pri' \) -exec cat {} +
    find src tests -name '*.cpp' -o -name '*.h' | LC_ALL=C sort
    find src tests -name '*.cpp' -o -name '*.h' | LC_ALL=C sort |
        xargs grep -HE '^ *# *include|Q_OBJECT'
} | sha256sum > "$state.new"

if [ -f "$folder/build.mk" ] && cmp -s "$state.new" "$state"; then
    exit 0
fi
project=$PWD/fluxion.pro
if ! (cd "$folder" && "${QMAKE:-qmake6}" -r "$project" "$@") > "$state.log" 2>&1; then
    cat "$state.log" >&2
    exit 1
fi
mv "$state.new" "$state"
