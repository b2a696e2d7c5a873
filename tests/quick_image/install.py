#!/usr/bin/python3
"""Installs the firmware as on a real unit: its wheel, with the C module compiled, unpacked into a root, and its modules
compiled (`install.py ROOT`). For a root whose Python is Debian's; Buildroot has its own way.
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
SOURCES = ("firmware", "native", "pyproject.toml", "setup.py")


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


def install(root: Path) -> None:
    """The wheel, unpacked into a root, with its modules compiled."""
    place = root / PACKAGES
    shutil.rmtree(place / "firmware", ignore_errors=True)
    with zipfile.ZipFile(wheel()) as archive:
        archive.extractall(place)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(place / "firmware", quiet=1, stripdir=str(root), prependdir="/", invalidation_mode=mode)


if __name__ == "__main__":
    os.umask(0o022)
    install(Path(sys.argv[1]))
