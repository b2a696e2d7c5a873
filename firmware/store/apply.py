"""Applies a tree to /etc: only what differs is touched, and each path changes in one step.

Owners of what comes from an archive go by name: by the accounts of the tree that is applied, not of the one that is there.
"""

import grp
import os
import pwd
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware import files, manifest, native
from firmware.errors import Failure
from firmware.locks import hold
from firmware.manifest import Entry
from firmware.store import flash
from firmware.store.archive.item import Item, ancestry
from firmware.store.changes import Changes
from firmware.store.paths import CONFIG, ETC, NODE, Paths
from firmware.store.snapshot import SAVED_KINDS, Target

_NUMBER = re.compile(r"[0-9]{1,10}")


def keep_nothing(path: str) -> bool:
    """For `apply_target`: everything becomes as the target has it."""
    return False


def apply_target(target: Target, *, keep: Callable[[str], bool] = keep_nothing, paths: Paths = NODE) -> Changes:
    """Make /etc what `target` says, and return what was changed for it. Failure if it has no config.rc, or if it broke off.

    Ignored paths, sockets and devices are left alone; what `keep` picks out stays exactly as it is, if it is there.
    """
    with flash.convert_os_errors(paths.etc), hold(paths.config_lock), _staging_directory(paths) as staging:
        if not target.config().strip():
            raise Failure(f"{CONFIG} would be missing or empty")
        owners = Owners.from_target(target)
        live = manifest.scan(paths.etc, named=ETC, leave_out=target.rules.ignored)
        removed = _remove_extra(target, live, keep, paths)
        added, changed = list[str](), list[str]()
        for path in _paths_to_apply(target, live, keep):
            item, old = target.items[path], live.get(path)
            if old is None or _content_key(old) != _content_key(item.entry):
                _move_into_place(_create(staging / "new", item, target, owners), paths.in_etc(path))
                (changed if old else added).append(path)
            elif _set_owner_and_mode(paths.in_etc(path), item, owners):
                changed.append(path)
    manifest.forget_names()
    return Changes(tuple(added), tuple(changed), tuple(removed))


@dataclass(frozen=True, slots=True)
class Owners:
    """The accounts of a target tree. `by_name` are the paths whose owners go by name, because they came from an archive."""

    users: Mapping[str, int]
    groups: Mapping[str, int]
    by_name: frozenset[str]

    @classmethod
    def from_target(cls, target: Target) -> "Owners":
        """Of the target's own passwd and group, or of this node's where it has none."""
        archive = target.archive
        users = _account_numbers(target, "/etc/passwd") or {user.pw_name: user.pw_uid for user in pwd.getpwall()}
        groups = _account_numbers(target, "/etc/group") or {group.gr_name: group.gr_gid for group in grp.getgrall()}
        return cls(users, groups, frozenset(archive.items if archive else ()))

    def numbers(self, item: Item) -> tuple[int, int]:
        """The numbers of a path's owner and group: of the names if these are known, else as they were saved."""
        if item.path not in self.by_name:
            return item.uid, item.gid
        return self.users.get(item.entry.owner, item.uid), self.groups.get(item.entry.group, item.gid)


def _account_numbers(target: Target, path: str) -> dict[str, int]:
    """The names and numbers in a file like passwd or group; what is malformed there is left out."""
    item = target.items.get(path)
    if item is None or item.entry.kind != "file":
        return {}
    numbers: dict[str, int] = {}
    for line in target.content(path).decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and _NUMBER.fullmatch(fields[2]) and int(fields[2]) < 2**32 - 1:
            numbers.setdefault(fields[0], int(fields[2]))
    return numbers


@contextmanager
def _staging_directory(paths: Paths) -> Iterator[Path]:
    """A directory on the same file system; by its name it is ignored."""
    with tempfile.TemporaryDirectory(prefix=files.TEMPORARY_PREFIX, dir=paths.etc) as name:
        yield Path(name)


def _content_key(entry: Entry) -> tuple[str, int, str]:
    return entry.kind, entry.size, entry.digest


def _remove_extra(target: Target, live: dict[str, Entry], keep: Callable[[str], bool], paths: Paths) -> list[str]:
    """Remove what the target does not have, the deepest first; a directory stays if something that is kept lies in it."""
    removed = []
    for path in sorted(live.keys() - target.items.keys(), reverse=True):
        if live[path].kind not in SAVED_KINDS or keep(path):
            continue
        if live[path].kind != "dir":
            paths.in_etc(path).unlink(missing_ok=True)
        elif os.listdir(paths.in_etc(path)):
            continue
        else:
            paths.in_etc(path).rmdir()
        removed.append(path)
    return sorted(removed)


def _paths_to_apply(target: Target, live: dict[str, Entry], keep: Callable[[str], bool]) -> list[str]:
    """The target's paths, in order, but for what is kept and for what cannot be there beside it."""
    kept = {path for path in live if keep(path)}
    homes = {parent for path in kept for parent in ancestry(path) if parent != path}
    closed = {path for path in kept if live[path].kind != "dir"}
    return [
        path for path in sorted(target.items)
        if path not in kept
        and (path not in homes or target.items[path].entry.kind == "dir")
        and closed.isdisjoint(ancestry(path))
    ]  # fmt: skip


def _create(path: Path, item: Item, target: Target, owners: Owners) -> Path:
    """Make it under another name, complete with owner, mode and time. /etc lies in RAM: there is nothing to sync."""
    if item.entry.kind == "dir":
        path.mkdir(mode=0o700)
    elif item.entry.kind == "link":
        path.symlink_to(item.target)
    else:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(target.content(item.path))
    _set_owner_and_mode(path, item, owners)
    if item.entry.kind == "file":
        os.utime(path, (item.mtime, item.mtime))
    return path


def _set_owner_and_mode(path: Path, item: Item, owners: Owners) -> bool:
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


def _move_into_place(new: Path, path: Path) -> None:
    """Give `new` its final name in one step, whatever has that name now."""
    if os.path.lexists(path) and (_is_directory(path) or _is_directory(new)):
        native.exchange(new, path)
        shutil.rmtree(new) if _is_directory(new) else new.unlink()
    else:
        os.rename(new, path)


def _is_directory(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir()
