#!/usr/bin/python3
"""Finishes the root of an appliance, wherever its programs came from: of the lab's layer, of the quick image, and after
Buildroot's own build (`finish.py ROOT`).

What lies in ROOT/etc becomes the factory /etc, with `overlay/` over it; the programs find the package `firmware`
in that root; and what will be mounted over is there, empty. Nothing here needs to be root: whose a file is, says the
table `owners`.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

BOARD = Path(__file__).resolve().parent
PROJECT = BOARD.parents[1]
ASSETS = PROJECT / "build/assets"
FACTORY = "usr/share/factory/etc"
AUTHORITIES = "usr/share/ca-certificates"
#: whose signature a unit believes: the certificate of a CA, named by the environment variable KEYRING, or the development one
KEYRING = "usr/share/upgrade/keyring.pem"
DEVELOPMENT_CA = PROJECT / "build/keys/ca.pem"
PROGRAMS = ("service", "config", "csync", "account", "upgrade")
#: directories of services that have no file of their own in the factory /etc
EMPTY = ("wui",)
MOUNTED = ("dev", "etc", "flash", "identity", "proc", "root", "run", "sys", "tmp", "var")


@dataclass(frozen=True, slots=True)
class Right:
    """Whose a path below the root is, and who may do what with it."""

    path: str
    mode: int
    owner: int
    group: int


def finish(root: Path) -> None:
    """All steps, on a root that holds the package and everything that it needs."""
    overlay(root)
    authorities(root, root)
    keyring(root)
    pages(root)
    factory(root)
    programs(root)
    for_hosts(root)
    release(root)
    mounted(root)
    no_rights(root)


def overlay(root: Path) -> None:
    """Our own files in the place of those of the packages."""

    def replace(source: str, target: str) -> None:
        Path(target).unlink(missing_ok=True)  # it may be a link, to busybox most of all
        shutil.copy2(source, target, follow_symlinks=False)

    shutil.copytree(PROJECT / "overlay", root, dirs_exist_ok=True, copy_function=replace)
    for path in (PROJECT / "overlay/usr/bin").iterdir():
        (root / "usr/sbin" / path.name).unlink(missing_ok=True)  # PATH would find it first


def pages(root: Path) -> None:
    """The pages of the web UI, which `make -f image.mk assets` has made; without them there is only its API."""
    place = root / "usr/share/wui"
    shutil.rmtree(place, ignore_errors=True)
    if ASSETS.is_dir():
        shutil.copytree(ASSETS, place)


def authorities(root: Path, packages: Path) -> None:
    """The certificates of public authorities that the package in `packages` has, where programs look for them: each in a
    file, and all in one. In /etc, which is RAM, there are only links."""
    certificates = sorted((packages / AUTHORITIES).glob("mozilla/*.crt"))
    place = root / AUTHORITIES / "certs"
    place.mkdir(parents=True, exist_ok=True)
    texts = [path.read_text().rstrip("\n") + "\n" for path in certificates]
    for path, text in zip(certificates, texts, strict=True):
        (place / path.name).write_text(text)
    (place / "ca-certificates.crt").write_text("".join(texts))
    shutil.rmtree(root / AUTHORITIES / "mozilla", ignore_errors=True)
    shutil.rmtree(root / "etc/ssl/certs", ignore_errors=True)
    _link(root / "etc/ssl/certs", f"/{AUTHORITIES}/certs")
    _link(root / "etc/ssl/cert.pem", "certs/ca-certificates.crt")
    if (root / "usr/lib/ssl").is_dir():  # where Debian's OpenSSL looks first
        _link(root / "usr/lib/ssl/cert.pem", "/etc/ssl/cert.pem")


def keyring(root: Path) -> None:
    """Whose bundles a unit takes; a layer that was made without any takes none."""
    source = Path(os.environ.get("KEYRING") or DEVELOPMENT_CA)
    if os.environ.get("KEYRING") or source.exists():
        (root / KEYRING).write_bytes(source.read_bytes())


def factory(root: Path) -> None:
    """What is /etc so far becomes the factory's."""
    place = root / FACTORY
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    (root / "etc").rename(place)
    for name in EMPTY:
        (place / name).mkdir(exist_ok=True)
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def programs(root: Path) -> None:
    """The commands. They skip what Python does at start for others; so they say where the package lies."""
    packages = next(root.glob("usr/lib/python3*/*-packages/firmware")).parent.relative_to(root)
    place = root / "usr/sbin"
    place.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        (place / name).write_text(
            "#!/usr/bin/python3 -IS\n"
            "import sys\n"
            f"sys.path.append('/{packages}')\n"
            "try:\n"
            f"    from firmware.__main__ import {name}\n"
            f"    status = {name}()\n"
            "except KeyboardInterrupt:\n"
            "    status = 130\n"
            "sys.exit(status)\n"
        )
        (place / name).chmod(0o755)


def for_hosts(root: Path) -> None:
    """What runs at a station of the factory, and on no appliance, goes."""
    for path in list(root.glob("usr/lib/python3*/*-packages/firmware")):
        shutil.rmtree(path / "station", ignore_errors=True)
        for module in (path / "commands").rglob("provision*.py*"):
            module.unlink()
    (root / "usr/bin/provision").unlink(missing_ok=True)


def release(root: Path) -> None:
    """What this is, which version, and what it speaks and reads; its time is the earliest that a unit's clock may show."""
    firmware = next(root.glob("usr/lib/python3*/*-packages/firmware"))
    version = (firmware / "__init__.py").read_text().split('"')[-2]
    spoken = re.search(r"^SPOKEN = \((\d+), (\d+)\)$", (firmware / "sync/versions.py").read_text(), re.M)
    schema = re.search(r"^SCHEMA = (\d+)$", (firmware / "store/archive/parts.py").read_text(), re.M)
    assert spoken and schema, "what a bundle says of itself is not where it was"
    path = root / "usr/lib/os-release"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(
        f'ID=csyncd\nNAME=csyncd\nVERSION_ID={version}\nPRETTY_NAME="csyncd appliance {version}"\n'
        f"CSYNCD_PEER_PROTOCOLS={spoken[1]}-{spoken[2]}\nCSYNCD_CONFIG_FORMAT={schema[1]}\n"
    )


def mounted(root: Path) -> None:
    """Empty directories for what a unit mounts, and nothing that it would hide."""
    for name in MOUNTED:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()


def no_rights(root: Path) -> None:
    """No program gives its caller other rights: whoever logs in to an appliance is root."""
    for path in root.rglob("*"):
        if not path.is_symlink() and path.is_file() and path.stat().st_mode & 0o6000:
            path.chmod(path.stat().st_mode & 0o1777)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def rights() -> list[Right]:
    """The table of owners."""
    lines = [line.split() for line in (BOARD / "owners").read_text().splitlines() if line[:1] not in ("", "#")]
    return [Right(path, int(mode, 8), int(owner), int(group)) for mode, owner, group, path in lines]


if __name__ == "__main__":
    os.umask(0o022)
    finish(Path(sys.argv[1]))
