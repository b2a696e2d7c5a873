#!/bin/sh
# post-build.sh TARGET_DIR — Buildroot's root without what no appliance needs of it.
set -eu
cd "$1"

# GRUB's sample, which comes to the root with every boot loader
rm -rf boot
# what starts services elsewhere
rm -rf etc/init.d etc/profile.d linuxrc
# links from a root that is read-only to what can be written; /etc can
rm -f etc/mtab etc/resolv.conf
# what RAUC brings for bundles that are made of archives: none of ours is
rm -f usr/bin/mksquashfs usr/bin/unsquashfs usr/bin/sqfscat usr/bin/sqfstar
# the time zone is said in config.rc; nobody counts leap seconds
rm -rf etc/localtime etc/timezone usr/share/zoneinfo/right
# of Python, what only developers use, and a binding that nobody imports
for name in ensurepip turtledemo turtle.py unittest venv site-packages/libmount site-packages/README.txt; do
	rm -rf usr/lib/python3.*/"$name"
done
