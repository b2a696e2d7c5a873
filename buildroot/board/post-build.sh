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
# of zstd, its programs: csyncd takes the library
rm -f usr/bin/zstd usr/bin/zstdcat usr/bin/zstdgrep usr/bin/zstdless usr/bin/zstdmt usr/bin/unzstd
# of GLib, what only developers and desktops use; RAUC wants the library
for name in gapplication gdbus gi-compile-repository gi-decompile-typelib gi-inspect-typelib gio gio-querymodules gresource gsettings; do
	rm -f usr/bin/"$name"
done
rm -rf usr/lib/libgirepository-2.0.so* usr/lib/gio usr/share/glib-2.0 usr/share/gettext
# of OpenSSL and tc, what is loaded only by name: engines, broken ciphers, shapes of delays
rm -rf usr/lib/engines-3 usr/lib/ossl-modules/legacy.so usr/lib/tc
# the time zone is said in config.rc; nobody counts leap seconds
rm -rf etc/localtime etc/timezone usr/share/zoneinfo/right
# of Python, what only developers use, tests, what makes bindings, and a binding that nobody imports
for name in ensurepip turtledemo turtle.py unittest venv dbm wsgiref site-packages/libmount site-packages/README.txt \
	site-packages/cffi site-packages/pycparser site-packages/tornado/test site-packages/psutil/tests; do
	rm -rf usr/lib/python3.*/"$name"
done
