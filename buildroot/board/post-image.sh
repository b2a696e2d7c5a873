#!/bin/sh
# post-image.sh IMAGES_DIR — the slot and the disk, out of a copy of Buildroot's root: its own stays as it is, for the next build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
images=$1
root=$BUILD_DIR/csyncd-root

for config in "$BUILD_DIR"/linux-[0-9c]*/.config; do "$here/../kept" "$config" "$here/linux.fragment"; done
for config in "$BUILD_DIR"/busybox-*/.config; do "$here/../kept" "$config" "$here/busybox.fragment"; done

rm -rf "$root"
cp -a "$TARGET_DIR" "$root"
install -D -m 644 "$images/bzImage" "$root/boot/vmlinuz"
for grub in "$BUILD_DIR"/grub2-*/build-i386-pc/grub-core; do :; done
"$here/make-image" "$root" "$grub" "$images" xz
