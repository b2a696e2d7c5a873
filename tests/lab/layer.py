"""Builds the node layer: what lies over the root of a Debian machine to make it an appliance of ours.

The firmware comes from its wheel, compiled; the factory /etc is overlay/etc and the few files of the machine's own /etc
without which its programs do not run. What any root of an appliance gets, `buildroot/board/finish.py` does here, too.
"""

import os
import shutil
from pathlib import Path

import finish
import install

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
#: names that busybox answers to where the machine has no such program
APPLETS = ("ping", "syslogd", "vi", "nc")
#: names that are busybox's on a node in any case: they talk to its init
INIT_APPLETS = ("reboot", "halt", "poweroff")
#: what a machine's own /etc lends to the factory's: how its libraries are found, names of protocols
LENT = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "protocols", "services", "ssl/openssl.cnf", "alternatives/awk")


def main() -> None:
    """Build it aside, then put it in place."""
    os.umask(0o022)
    new, old = BUILD / "layer.new", BUILD / "layer.old"
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    install.install(new)
    _lend_etc(new)
    finish.overlay(new)
    finish.pages(new)
    finish.authorities(new, Path("/"))
    finish.factory(new)
    finish.programs(new)
    _link_applets(new)
    _set_owners(new)
    layer = BUILD / "layer"
    if layer.exists():
        layer.rename(old)
    new.rename(layer)
    shutil.rmtree(old, ignore_errors=True)


def _link_applets(layer: Path) -> None:
    sbin, bin_ = layer / "usr/sbin", layer / "usr/bin"
    (bin_ / "python").symlink_to("python3")
    for name in APPLETS:
        if not any(Path(directory, name).exists() for directory in ("/usr/bin", "/usr/sbin")):
            (bin_ / name).symlink_to("busybox")
    for name in INIT_APPLETS:
        (sbin / name).symlink_to("../bin/busybox")


def _lend_etc(layer: Path) -> None:
    for name in LENT:
        source, target = Path("/etc", name), layer / "etc" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy2(source, target, follow_symlinks=False)


def _set_owners(layer: Path) -> None:
    for path in (layer, *layer.rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
    for right in finish.rights():
        path = layer / right.path[1:]
        path.chmod(right.mode)
        os.chown(path, right.owner, right.group)


if __name__ == "__main__":
    main()
