"""Builds the node layer: what lies over the root of a Debian machine to make it an appliance of ours.

The firmware comes from its wheel, compiled; its programs go to /usr/sbin; the factory /etc is overlay/etc and the
few files of the machine's own /etc without which its programs do not run.
"""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
PACKAGES = "usr/lib/python3/dist-packages"
PROGRAMS = ("service", "config", "csync")
#: names that busybox answers to where the machine has no such program
APPLETS = ("ping", "syslogd", "vi", "nc")
#: names that are busybox's on a node in any case: they talk to its init
INIT_APPLETS = ("reboot", "halt", "poweroff")
#: what a machine's own /etc lends to the factory's: how its libraries are found, names of protocols
LENT = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "protocols", "services", "ssl/openssl.cnf", "alternatives/awk")
#: directories of services that have no file of their own in the factory /etc
EMPTY = ("wui",)
#: who may read what below the factory /etc: the group, and the modes of directories and files; else root, 0755, 0644
RIGHTS = {"haproxy": ("haproxy", 0o750, 0o640), "syslogd": ("syslog", 0o750, 0o640), "shadow": ("root", 0o755, 0o600)}
SOURCES = ("firmware", "native", "pyproject.toml", "setup.py")


def main() -> None:
    """Build it aside, then put it in place."""
    os.umask(0o022)
    new, old = BUILD / "layer.new", BUILD / "layer.old"
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    _firmware(new)
    _programs(new)
    _factory(new)
    layer = BUILD / "layer"
    if layer.exists():
        layer.rename(old)
    new.rename(layer)
    shutil.rmtree(old, ignore_errors=True)


def wheel() -> Path:
    """The firmware's wheel, built from a copy of the sources that keeps what was compiled before."""
    source, wheels = BUILD / "source", BUILD / "wheel"
    for path in (wheels, source / "firmware", source / "native", *source.glob("build/lib*/**/*.py")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    source.mkdir(parents=True, exist_ok=True)
    wheels.mkdir()
    for name in SOURCES:
        here = PROJECT / name
        if here.is_dir():
            shutil.copytree(here, source / name, ignore=shutil.ignore_patterns("__pycache__", "_native*", "*.o"))
        else:
            shutil.copy2(here, source / name)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(wheels)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"layer: the wheel is not built:\n{done.stdout}{done.stderr}")
    return next(wheels.glob("*.whl"))


def _firmware(layer: Path) -> None:
    place = layer / PACKAGES
    with zipfile.ZipFile(wheel()) as archive:
        archive.extractall(place)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(place, quiet=1, stripdir=str(layer), prependdir="/", invalidation_mode=mode)


def _programs(layer: Path) -> None:
    sbin, bin_ = layer / "usr/sbin", layer / "usr/bin"
    sbin.mkdir(parents=True)
    bin_.mkdir()
    for name in PROGRAMS:
        program = sbin / name
        program.write_text(f"#!/usr/bin/python3 -IS\nimport sys\nsys.path.append('/{PACKAGES}')\n"
                           f"from firmware.__main__ import {name}\nsys.exit({name}())\n")  # fmt: skip
        program.chmod(0o755)
    (bin_ / "python").symlink_to("python3")
    for name in APPLETS:
        if not any(Path(directory, name).exists() for directory in ("/usr/bin", "/usr/sbin")):
            (bin_ / name).symlink_to("busybox")
    for name in INIT_APPLETS:
        (sbin / name).symlink_to("../bin/busybox")


def _factory(layer: Path) -> None:
    etc = layer / "usr/share/factory/etc"
    etc.mkdir(parents=True)
    for name in LENT:
        source, target = Path("/etc", name), etc / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy2(source, target, follow_symlinks=False)
    shutil.copytree(PROJECT / "overlay" / "etc", etc, dirs_exist_ok=True)
    for name in EMPTY:
        (etc / name).mkdir(exist_ok=True)
    groups = _groups(etc / "group")
    for path in (etc, *etc.rglob("*")):
        first = path.relative_to(etc).parts[:1]
        group, directories, files = RIGHTS.get("".join(first), ("root", 0o755, 0o644))
        os.chown(path, 0, groups[group], follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(directories if path.is_dir() else files)


def _groups(path: Path) -> dict[str, int]:
    rows = [line.split(":") for line in path.read_text().splitlines()]
    return {row[0]: int(row[2]) for row in rows}


if __name__ == "__main__":
    main()
