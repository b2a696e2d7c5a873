"""Puts a tree below /etc: only what differs is touched, and each path changes in one step."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware import files, manifest, native
from firmware.errors import Failure
from firmware.locks import hold
from firmware.manifest import Entry
from firmware.store import flash
from firmware.store.archive import Item
from firmware.store.changes import Changes
from firmware.store.owners import Owners
from firmware.store.places import CONFIG, ETC, NODE, Places
from firmware.store.tree import SAVED_KINDS, Target, and_parents


def nothing(path: str) -> bool:
    """Keep nothing."""
    return False


def put(target: Target, *, keep: Callable[[str], bool] = nothing, places: Places = NODE) -> Changes:
    """Make /etc what `target` says, and return what was changed for it. Failure if it has no config.rc, or if it broke off.

    Ignored paths, sockets and devices are left alone; what `keep` picks out stays exactly as it is, if it is there.
    """
    if not target.config().strip():
        raise Failure(f"{CONFIG} would be missing or empty")
    owners = Owners.of(target)
    with flash.naming(places.etc), hold(places.config_lock), _staging(places) as staging:
        live = manifest.scan(places.etc, named=ETC, skip=target.rules.ignores)
        removed = _remove_strangers(target, live, keep, places)
        added, changed = list[str](), list[str]()
        for path in _wanted(target, live, keep):
            item, old = target.items[path], live.get(path)
            if old is None or _content(old) != _content(item.entry):
                _install(_make(staging / "new", item, target, owners), places.on_disk(path))
                (changed if old else added).append(path)
            elif _dress(places.on_disk(path), item, owners):
                changed.append(path)
    manifest.forget_names()
    return Changes(tuple(added), tuple(changed), tuple(removed))


@contextmanager
def _staging(places: Places) -> Iterator[Path]:
    """A directory on the same file system; by its name it is ignored."""
    with tempfile.TemporaryDirectory(prefix=files.TEMPORARY, dir=places.etc) as name:
        yield Path(name)


def _content(entry: Entry) -> tuple[str, int, str]:
    return entry.kind, entry.size, entry.digest


def _remove_strangers(target: Target, live: dict[str, Entry], keep: Callable[[str], bool], places: Places) -> list[str]:
    """Remove what the target does not have, the deepest first; a directory stays if something that is kept lies in it."""
    removed = []
    for path in sorted(live.keys() - target.items.keys(), reverse=True):
        if live[path].kind not in SAVED_KINDS or keep(path):
            continue
        if live[path].kind != "dir":
            places.on_disk(path).unlink(missing_ok=True)
        elif os.listdir(places.on_disk(path)):
            continue
        else:
            places.on_disk(path).rmdir()
        removed.append(path)
    return sorted(removed)


def _wanted(target: Target, live: dict[str, Entry], keep: Callable[[str], bool]) -> list[str]:
    """The target's paths, in order, but for what is kept and for what cannot be there beside it."""
    kept = {path for path in live if keep(path)}
    homes = {parent for path in kept for parent in and_parents(path)[1:]}
    closed = {path for path in kept if live[path].kind != "dir"}
    return [
        path for path in sorted(target.items)
        if path not in kept
        and (path not in homes or target.items[path].entry.kind == "dir")
        and closed.isdisjoint(and_parents(path))
    ]  # fmt: skip


def _make(path: Path, item: Item, target: Target, owners: Owners) -> Path:
    """Make it under another name, complete with owner, mode and time. /etc lies in RAM: there is nothing to sync."""
    if item.entry.kind == "dir":
        path.mkdir(mode=0o700)
    elif item.entry.kind == "link":
        path.symlink_to(item.target)
    else:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(target.content(item.path))
    _dress(path, item, owners)
    if item.entry.kind == "file":
        os.utime(path, (item.mtime, item.mtime))
    return path


def _dress(path: Path, item: Item, owners: Owners) -> bool:
    """Give it its owner and mode; was there anything to do?"""
    status, wanted = path.lstat(), owners.numbers(item)
    done = False
    if (status.st_uid, status.st_gid) != wanted:
        os.chown(path, *wanted, follow_symlinks=False)
        status, done = path.lstat(), True
    if item.entry.kind != "link" and status.st_mode & 0o7777 != item.entry.mode:
        path.chmod(item.entry.mode)
        done = True
    return done


def _install(new: Path, path: Path) -> None:
    """Give `new` its final name in one step, whatever has that name now."""
    if os.path.lexists(path) and (_is_dir(path) or _is_dir(new)):
        native.exchange(new, path)
        shutil.rmtree(new) if _is_dir(new) else new.unlink()
    else:
        os.rename(new, path)


def _is_dir(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir()
