#!/bin/bash
# install.sh PACKAGE... installs those that are missing. If none is: silent, no network, no root.
set -u

if ! command -v dpkg-query > /dev/null; then
    echo "Not a Debian system; these packages, or what is like them, must be here: $*"
    exit 0
fi

missing=()
for package in "$@"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
root=()
if [ "$(id -u)" != 0 ]; then
    root=(sudo)
    # Without a password, or with one if somebody is there to type it.
    may_sudo() { sudo -n true 2> /dev/null || { [ -t 0 ] && sudo -v; }; }
    if ! { command -v sudo > /dev/null && may_sudo; }; then
        echo "Packages are missing. As root: apt-get update && ${install[*]}" >&2
        exit 1
    fi
fi

echo "Installing ${missing[*]}"
"${root[@]}" apt-get update && "${root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}"
