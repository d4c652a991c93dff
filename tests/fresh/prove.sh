#!/bin/bash
# prove.sh bookworm [--test]    in a new Debian 12 root with git and make and nothing else:
#                               make run until it answers, with --test make test as well
# prove.sh trixie               in a new Debian 13 root: qmake6 fluxion.pro && make
#
# Needs root, debootstrap and the network. Takes the machine's own apt settings and name servers.
# FRESH_ROOT names the folder of the new root (default: a new one under /var/tmp, removed again);
# a folder that is there already is used as it is.
set -eu
release=${1:?bookworm or trixie}
with_test=${2:-}
source=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
root=${FRESH_ROOT:-$(mktemp -d -u /var/tmp/fluxion-$release-XXXXXX)}
port=18080

mounts=()
leave() {
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do umount -l "${mounts[i]}"; done
    [ -n "${FRESH_ROOT:-}" ] || rm -rf --one-file-system "$root"
}
trap leave EXIT

inside() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        bash -euc "$1"
}
say() { echo "=== $release: $*"; }

prepare() {
    if [ ! -e "$root/etc/debian_version" ]; then
        say "debootstrap into $root"
        debootstrap --variant=minbase "$release" "$root" > /dev/null
    fi
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # A proxy, a clock that is off: what apt needs to know on this machine, it needs to know there.
    grep -ls '^ *Acquire' /etc/apt/apt.conf.d/* | xargs -r cp -t "$root/etc/apt/apt.conf.d"
    mount -t proc proc "$root/proc"
    mounts+=("$root/proc")
    mount --rbind /dev "$root/dev"
    mount --make-rslave "$root/dev"
    mounts+=("$root/dev")
    inside "apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends $1 > /dev/null"
    rm -rf "$root/src"
    git clone --quiet --no-hardlinks "$source" "$root/src"
    say "$(inside '. /etc/os-release; echo $PRETTY_NAME')," \
        "commit $(git -C "$root/src" log -1 --format=%h)"
}

# Starts `make run`, waits until it answers as healthy, and ends it as Ctrl-C does.
run_until_healthy() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        bash -c "cd /src && exec make run PORT=$port" > "$root/run.log" 2>&1 < /dev/null &
    local server=$! healthy=no begun=$SECONDS
    while kill -0 $server 2> /dev/null && [ $((SECONDS - begun)) -lt 1800 ]; do
        if get_health; then
            healthy=yes
            break
        fi
        sleep 1
    done
    say "healthy: $healthy, $((SECONDS - begun)) s after make run was typed"
    local program ended=$SECONDS
    # By its executable, so that no other server on this machine is meant.
    for program in /proc/[0-9]*; do
        [ "$(readlink "$program/exe")" = "$root/src/fluxion" ] && kill -INT "${program#/proc/}"
    done
    while kill -0 $server 2> /dev/null && [ $((SECONDS - ended)) -lt 9 ]; do sleep 0.2; done
    kill -0 $server 2> /dev/null && { say "FAILED: not stopped after 9 s"; return 1; }
    say "stopped within $((SECONDS - ended)) s"
    tail -n 12 "$root/run.log"
    [ $healthy = yes ]
}

get_health() {
    exec 3<> /dev/tcp/127.0.0.1/$port || return 1
    printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    local line
    read -r -t 5 line <&3
    exec 3>&-
    [[ $line == *" 200 "* ]]
} 2> /dev/null

case $release in
bookworm)
    prepare "git make"
    run_until_healthy
    if [ "$with_test" = --test ]; then
        say "make test"
        inside "cd /src && make test"
    fi
    ;;
trixie)
    prepare "git make $(make -s -C "$source" print-build-packages)"
    inside "cd /src && qmake6 fluxion.pro && make" | tail -n 3
    say "$(inside '/src/fluxion --version')"
    changed=$(inside 'cd /src && git status --porcelain')
    [ -z "$changed" ] || { say "FAILED: git status is not clean: $changed"; exit 1; }
    ;;
*)
    echo "bookworm or trixie" >&2
    exit 2
    ;;
esac
say "proved"
