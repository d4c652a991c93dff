#!/bin/bash
# enter.sh TREE DATA FLAGS USER GROUP FOLDER VARIABLE... -- PROGRAM...
# What an engine does between its namespaces and the program, as their first process: the tree as
# root, /app/data from the host, /proc and /dev of its own, no privileges. FLAGS: `ro` makes the
# root read-only, `init` puts an init before the program. Runs in new namespaces, as root.
set -eu
tree=$1 data=$2 flags=$3 user=$4 group=$5 folder=$6
shift 6
variables=()
while [ "$1" != -- ]; do
    variables+=("$1")
    shift
done
shift

ip link set lo up
mount --bind "$tree" "$tree"
cd "$tree"
mount --bind "$data" app/data
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
first=()
if [[ $flags == *init* ]]; then
    touch dev/init
    mount --bind "$(command -v tini-static)" dev/init
    first=(/dev/init --)
fi
[[ $flags != *ro* ]] || mount -o remount,bind,ro "$tree"
exec chroot . setpriv --reuid="$user" --regid="$group" --clear-groups --inh-caps=-all \
    --bounding-set=-all --no-new-privs \
    env -i -C "$folder" "${variables[@]}" "${first[@]}" "$@"
