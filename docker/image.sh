#!/bin/bash
# image.sh [ARGUMENT...] builds fluxion:latest, which is fluxion:VERSION as well. With docker if its
# daemon answers, else with buildah. The arguments go to `docker build` or `buildah build`.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/.*kVersion = "\(.*\)";/\1/p' src/server/version.h)
revision=$(git describe --always --dirty --abbrev=12 --exclude='*' 2> /dev/null || echo unknown)
arguments=(--file docker/Dockerfile --tag fluxion:latest --tag "fluxion:$version"
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "$@" .)

if docker info > /dev/null 2>&1; then
    exec docker build "${arguments[@]}"
fi
.ci/install.sh buildah
# chroot wants no other program and no more rights than root's. Only this format has a health check.
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
exec buildah build --format docker "${arguments[@]}"
