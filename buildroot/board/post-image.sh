#!/bin/sh
# post-image.sh IMAGES_DIR — the slot and the disk, out of a copy of Buildroot's root: its own stays as it is, for the next build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
images=$1
root=$BUILD_DIR/csyncd-root

# PACKAGE CONFIG — a package that was built before its fragment changed is told anew what is asked for.
check_config() {
	"$here/../scripts/check-config" "$2" "$here/$1.fragment" || { echo "post-image: if it was built before: make $1-reconfigure" >&2 && exit 1; }
}
for config in "$BUILD_DIR"/linux-[0-9c]*/.config; do check_config linux "$config"; done
for config in "$BUILD_DIR"/busybox-*/.config; do check_config busybox "$config"; done

set -- "$TARGET_DIR"/usr/lib/modules/*
[ $# = 1 ] || { echo "post-image: $* are there; a new kernel wants \`make clean\` first" >&2 && exit 1; }

rm -rf "$root"
cp -a "$TARGET_DIR" "$root"
(cd "$root" && rm -rf THIS_IS_NOT_YOUR_ROOT_FILESYSTEM media mnt opt)
# Buildroot's compiled modules are compared with their sources at each import, when the build is reproducible.
"$HOST_DIR/bin/python3" -m compileall -q -f -j 0 --invalidation-mode unchecked-hash -s "$root" -p / "$root"/usr/lib/python3.*
install -D -m 644 "$images/bzImage" "$root/boot/vmlinuz"
set -- "$BUILD_DIR"/grub2-*/build-i386-pc/grub-core
[ $# = 1 ] || { echo "post-image: $* are there; a new GRUB wants \`make clean\` first" >&2 && exit 1; }
# beside grub.img; Buildroot puts it nowhere but into the root, and all of GRUB's tools with it
cp "$1/boot.img" "$images/"
"$here/make-image" "$root" "$images" xz
