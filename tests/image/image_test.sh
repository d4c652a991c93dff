#!/bin/bash
# Installs what the test of the image needs, and runs it: see image_test.py. As root.
set -eu
cd "$(dirname "$0")"
../../.ci/install.sh buildah debootstrap iproute2 openssl python3 python3-websocket python3-yaml \
    systemd systemd-container tini util-linux
exec /usr/bin/python3 image_test.py
