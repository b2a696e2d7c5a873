#!/bin/sh
# post-image.sh IMAGES_DIR — the slot and the disk, out of a copy of Buildroot's root: its own stays as it is, for the next build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
images=$1
root=$BUILD_DIR/csyncd-root

rm -rf "$root"
cp -a "$TARGET_DIR" "$root"
install -D -m 644 "$images/bzImage" "$root/boot/vmlinuz"
set -- "$BUILD_DIR"/grub2-*/build-i386-pc/grub-core
"$here/make-image" "$root" "$1" "$images" xz
