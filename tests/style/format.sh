#!/bin/bash
# format.sh fix    formats every source; format.sh check    refuses sources that are not formatted.
# The version is pinned, since every version of clang-format has its own idea of the same style.
set -u
cd "$(dirname "$0")/../.." || exit 1

if ! command -v clang-format-14 > /dev/null; then
    echo "Formatting was NOT done or checked: it takes clang-format-14 (Debian 12's), which is not"
    echo "installed. Debian 13 has later versions only, and they format differently."
    echo "0 passed, 1 failed"
    exit 1
fi

mapfile -t sources < <(find src tests -name '*.h' -o -name '*.cpp' | LC_ALL=C sort)
if [ "${1:-check}" = fix ]; then
    exec clang-format-14 -i "${sources[@]}"
fi
failed=0
for source in "${sources[@]}"; do
    clang-format-14 --dry-run -Werror "$source" || failed=$((failed + 1))
done
[ $failed = 0 ] || echo "make format would set these right"
echo "$((${#sources[@]} - failed)) passed, $failed failed"
[ $failed = 0 ]
