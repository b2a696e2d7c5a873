#!/bin/sh
# post-build.sh TARGET_DIR — Buildroot's root without what no appliance needs of it.
set -eu
target=$1

cd "$target"
# GRUB's sample, which comes to the root with every boot loader
rm -rf boot
# for whoever compiles, or reads
rm -rf usr/include usr/share/aclocal usr/share/pkgconfig
# what starts services elsewhere
rm -rf etc/init.d etc/network usr/share/udhcpc
