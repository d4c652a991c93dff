#!/bin/sh
# `fluxion health` with the flags of the server in this container, so that it is asked where it
# listens. They are those of process 1: the server, or the init that started it (--init).
if [ $# = 0 ]; then
    exec xargs -0 -a /proc/1/cmdline "$0"
fi
while [ $# -gt 0 ] && [ "${1##*/}" != fluxion ]; do shift; done
[ $# = 0 ] || shift
[ "${1:-}" != serve ] || shift
exec fluxion health "$@"
