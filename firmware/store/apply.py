"""Applies a tree to /etc: only what differs is touched, and each path changes in one step.

Owners of what comes from an archive go by name: by the accounts of the tree that is applied, not of the one that is there.
"""

import errno
import grp
import os
import pwd
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware import directory, files, manifest, native
from firmware.errors import Failure
from firmware.locks import hold
from firmware.manifest import Entry
from firmware.store import flash
from firmware.store.archive.item import Item, ancestry
from firmware.store.changes import Changes
from firmware.store.paths import CONFIG, ETC, NODE, Paths, relative_path
from firmware.store.snapshot import SAVED_KINDS, Target
from firmware.store.unfinished import hold_off_signals, mark_unfinished

_NUMBER = re.compile(r"[0-9]{1,10}")


def keep_nothing(path: str) -> bool:
    """For `apply_target`: everything becomes as the target has it."""
    return False


def apply_target(
    target: Target,
    *,
    keep: Callable[[str], bool] = keep_nothing,
    command: str = "config restore",
    paths: Paths = NODE,
) -> Changes:
    """Make /etc what `target` says, and return what was changed for it. Failure if it has no config.rc, or if it broke off.
    Signals wait; should it be killed all the same, saves are refused until `command`, or another one, has come to its end.

    Ignored paths, sockets and devices are left alone; what `keep` picks out stays exactly as it is, if it is there.
    """
    if not target.config().strip():
        raise Failure(f"{CONFIG} would be missing or empty")
    with (
        flash.convert_os_errors(paths.etc),
        hold(paths.config_lock),
        hold_off_signals(),
        _staging_directory(paths) as staging_path,
    ):
        owners = Owners.from_target(target)
        live = manifest.scan(paths.etc, named=ETC, leave_out=target.rules.ignored)
        added, changed = list[str](), list[str]()
        with mark_unfinished(command, paths), directory.descriptor(staging_path) as staging:
            removed = _remove_extra(target, live, keep, paths)
            for path in _paths_to_apply(target, live, keep):
                item, old = target.items[path], live.get(path)
                if old is None or _content_key(old) != _content_key(item.entry):
                    _replace(item, target, owners, staging)
                    (changed if old else added).append(path)
                elif _set_owner_and_mode(item, target, owners, staging):
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
        users = _account_numbers(target, "/etc/passwd") or {user.pw_name: user.pw_uid for user in pwd.getpwall()}
        groups = _account_numbers(target, "/etc/group") or {group.gr_name: group.gr_gid for group in grp.getgrall()}
        return cls(users, groups, frozenset(target.saved.items if target.saved else ()))

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
    """A directory on the same file system; by its name it is ignored. Those of who was killed are removed: who has the lock is
    the only one with any."""
    with directory.descriptor(paths.etc) as top:
        for name in os.listdir(top):
            if name.startswith(files.TEMPORARY_PREFIX) and directory.is_directory(name, top):
                directory.remove(name, top)
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
        with directory.parent(paths.etc, relative_path(path)) as (place, name):
            if _remove_one(name, place, live[path]):
                removed.append(path)
    return sorted(removed)


def _remove_one(name: str, place: int, live: Entry) -> bool:
    try:
        os.rmdir(name, dir_fd=place) if live.kind == "dir" else os.unlink(name, dir_fd=place)
    except FileNotFoundError:
        return live.kind != "dir"
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            return False
        raise
    return True


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


def _replace(item: Item, target: Target, owners: Owners, staging: int) -> None:
    """Make it anew in the staging directory, and give it its final name in one step, whatever has that name now."""
    _create("new", item, target, owners, staging)
    with directory.parent(target.paths.etc, relative_path(item.path)) as (place, name):
        if item.entry.kind != "dir" and not directory.is_directory(name, place):
            os.rename("new", name, src_dir_fd=staging, dst_dir_fd=place)
        elif _exists(name, place):
            native.exchange("new", name, one_dir=staging, other_dir=place)
            directory.remove("new", staging)
        else:
            os.rename("new", name, src_dir_fd=staging, dst_dir_fd=place)


def _create(name: str, item: Item, target: Target, owners: Owners, staging: int) -> None:
    """Make it complete with owner, mode and time. /etc lies in RAM: there is nothing to sync."""
    if item.entry.kind == "link":
        os.symlink(item.target, name, dir_fd=staging)
        os.chown(name, *owners.numbers(item), dir_fd=staging, follow_symlinks=False)
    elif item.entry.kind == "dir":
        os.mkdir(name, 0o700, dir_fd=staging)
        with directory.descriptor(staging, name) as handle:
            _set_numbers(handle, item, owners)
    else:
        with os.fdopen(directory.create_file(name, staging), "wb") as file:
            file.write(target.content(item.path))
            file.flush()
            _set_numbers(file.fileno(), item, owners)
            os.utime(file.fileno(), (item.mtime, item.mtime))


def _set_numbers(handle: int, item: Item, owners: Owners) -> None:
    # The owner first: a change of owner takes set-user-ID bits away.
    os.fchown(handle, *owners.numbers(item))
    os.fchmod(handle, item.entry.mode)


def _set_owner_and_mode(item: Item, target: Target, owners: Owners, staging: int) -> bool:
    """Give it its owner and mode; was there anything to do?

    Only a directory is given them where it is. What lies under another name too may be a file that is not to be given to
    anybody, by a hard link; so files and links are made anew.
    """
    with directory.parent(target.paths.etc, relative_path(item.path)) as (place, name):
        status = os.stat(name, dir_fd=place, follow_symlinks=False)
        is_right = item.entry.kind == "link" or stat.S_IMODE(status.st_mode) == item.entry.mode
        if (status.st_uid, status.st_gid) == owners.numbers(item) and is_right:
            return False
        if item.entry.kind == "dir":
            with directory.descriptor(place, name) as handle:
                _set_numbers(handle, item, owners)
            return True
    _replace(item, target, owners, staging)
    return True


def _exists(name: str, place: int) -> bool:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
