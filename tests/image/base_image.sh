#!/bin/bash
# base_image.sh FOLDER makes debian:bookworm-slim out of a debootstrapped tree, in the store of
# images that CONTAINERS_STORAGE_CONF names: no registry is asked. What apt needs to know on this
# machine (a proxy, a clock that is off) it then knows in the image. FOLDER is for the tree.
set -eu
tree=$1

debootstrap --variant=minbase bookworm "$tree" > /dev/null
grep -ls '^ *Acquire' /etc/apt/apt.conf.d/* | xargs -r cp -t "$tree/etc/apt/apt.conf.d"
# As the slim images: nothing to read, no caches.
printf 'path-exclude /usr/share/%s/*\n' doc man locale info > "$tree/etc/dpkg/dpkg.cfg.d/slim"
rm -rf "$tree"/usr/share/{doc,man,locale,info}/* "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*

container=$(buildah from scratch)
buildah add --quiet "$container" "$tree" / > /dev/null
buildah config --cmd bash \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim > /dev/null
