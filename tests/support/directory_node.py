"""A small node on ordinary directories, for the tests of saving."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from firmware import manifest
from firmware.manifest import Entry
from firmware.store import generations, repository, restore, rules, snapshot
from firmware.store.generations import SaveResult
from firmware.store.paths import Paths
from firmware.store.restore import RestoreResult

TOP = Path(__file__).resolve().parents[2]
RULES = TOP / "overlay/etc/firmware/save.rules"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nhaproxy:x:101:101::/:/bin/false\n"
CONFIG = "service haproxy\n"


def make(top: Path) -> Paths:
    """A node as the factory made it, booted for the first time."""
    places = Paths(top / "etc", top / "factory", top / "flash", top / "run")
    for name, text in {
        "config.rc": CONFIG, "passwd": PASSWD, "group": "root:x:0:\nhaproxy:x:101:\n", "hosts": "127.0.0.1 localhost\n",
        "haproxy/haproxy.cfg": "global\n", "haproxy/errors/503.http": "HTTP/1.1 503 no\n",
    }.items():  # fmt: skip
        write(places.factory / name, text)
    write(places.in_factory(rules.FILE), RULES.read_text())
    (places.factory / "zone").symlink_to("/usr/share/zoneinfo/UTC")
    (places.factory / "empty").mkdir()
    places.flash.mkdir()
    reboot(places)
    return places


def reboot(places: Paths) -> RestoreResult:
    """Everything in RAM is gone; the factory's /etc is unpacked; what was saved is restored."""
    shutil.rmtree(places.etc, ignore_errors=True)
    shutil.rmtree(places.run, ignore_errors=True)
    copy(places.factory, places.etc)
    return restore.restore(paths=places)


def copy(source: Path, target: Path) -> None:
    """A tree with modes, owners and links, as the image unpacks it."""
    shutil.copytree(source, target, symlinks=True)
    for path in source.rglob("*"):
        status = path.lstat()
        os.chown(target / path.relative_to(source), status.st_uid, status.st_gid, follow_symlinks=False)
        if not path.is_symlink():
            (target / path.relative_to(source)).chmod(status.st_mode & 0o7777)


def write(path: Path, text: str | bytes, mode: int | None = None) -> None:
    """A file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)
    if mode is not None or path.name == "config.rc":
        path.chmod(0o600 if mode is None else mode)


def entries(places: Paths) -> Mapping[str, Entry]:
    """Everything below /etc that is the store's business."""
    return snapshot.current_entries(rules.load_tolerant(places), places)


def whole(places: Paths) -> Mapping[str, Entry]:
    """Everything below /etc, without exception."""
    return manifest.scan(places.etc, named=Path("/etc"))


def owners(places: Paths) -> Mapping[str, tuple[int, int]]:
    """The owners of everything below /etc, by number."""
    found = {}
    for path in places.etc.rglob("*"):
        status = path.lstat()
        found[str(path.relative_to(places.etc))] = (status.st_uid, status.st_gid)
    return found


def identity(path: Path) -> tuple[int, ...]:
    """What is another one once anybody wrote, replaced, or dressed a file; reading it does not count."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def save(paths: Paths, message: str = "") -> SaveResult:
    """Save what is below /etc."""
    return generations.save(message, who="tester", paths=paths)


def save_config(paths: Paths, text: str) -> int:
    """Save with a config.rc that holds `text`; returns the number of the generation."""
    write(paths.in_etc("/etc/config.rc"), f"service haproxy\n# {text}\n")
    return save(paths, text).generation.number


def read_config(paths: Paths) -> str:
    """The text of config.rc as it is below /etc."""
    return paths.in_etc("/etc/config.rc").read_text()


def damage_generation(paths: Paths, number: int, at: int = 600) -> None:
    """Flip a bit in the file of a generation."""
    path = repository.path_of(paths.repository, number)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
