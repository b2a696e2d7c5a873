"""Directory trees: an exact copy of one, and one put in the place of another in a single step.

What is copied may be changed by its account meanwhile: it is walked by descriptors (see `firmware.directory`).
"""

import errno
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from firmware import directory, native
from firmware.errors import Failure

#: what a name is that was a moment ago something else, or was there
_CHANGES = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)


@dataclass(frozen=True, slots=True)
class Twin:
    """A directory on the file system of a copy in which the files at some paths below it are known to be the same."""

    top: Path
    paths: Collection[str]


def copy(source: Path, target: Path, *, twin: Twin | None = None) -> None:
    """Copy a directory and all below it to `target`, which must not exist: contents, modes, owners, times, links.

    Links are copied as links. Nobody but root can look into the copy before it is complete. If it fails, nothing of it
    stays; Failure if somebody exchanges what is being copied. Of a twin, in which nobody may write ever, files are not
    copied: they get a name in the copy, too.
    """
    target.mkdir(mode=0o700)
    try:
        with directory.descriptor(source) as old, directory.descriptor(target) as new:
            copied = _copy_contents(old, new, target, twin)
            # The deepest first, for a change in a directory sets its time; it is root's alone until then.
            for path, status in reversed(copied):
                with directory.descriptor(new, path) as handle:
                    _set_owner_and_mode(handle, status)
    except BaseException as error:
        remove(target)
        if isinstance(error, OSError) and error.errno in _CHANGES:
            raise Failure(
                f"{source}: it changes while it is being copied", "try again when nobody writes there"
            ) from None
        raise


def put_in_place(new: Path, place: Path) -> None:
    """Put the directory `new` where `place` is, as one step; what was there is removed afterwards. Same file system."""
    if not os.path.lexists(place):
        os.rename(new, place)
        return
    native.exchange(new, place)
    remove(new)


def remove(path: Path) -> None:
    """Remove whatever is there, if anything is."""
    if os.path.lexists(path):
        with directory.descriptor(path.parent) as place, directory.naming_whole_paths(path):
            directory.remove(path.name, place)


def _copy_contents(old: int, new: int, copy: Path, twin: Twin | None) -> list[tuple[str, os.stat_result]]:
    """Copy what is below one directory to another; returns the directories, parents first, and what they are to be like."""
    copied = []
    for path, source, names in directory.walk(old, lambda path: False):
        copied.append((path, os.fstat(source)))
        with directory.descriptor(new, path) as target, directory.naming_whole_paths(copy / path):
            left = _link_to_twin(path, names, target, twin) if twin else names
            for name in native.copy_names(left, source, target):
                _copy_entry(name, source, target)
    return copied


def _link_to_twin(path: str, names: list[str], target: int, twin: Twin) -> list[str]:
    """Returns the names that are not there."""
    start = f"{path}/" if path else ""
    same = [name for name in names if start + name in twin.paths]
    try:
        with directory.descriptor(twin.top, path) as place:
            missing = native.link_names(same, place, target)
    except (FileNotFoundError, NotADirectoryError):
        return names
    linked = {*same}.difference(missing)
    return [name for name in names if name not in linked]


def _copy_entry(name: str, source: int, target: int) -> None:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(name, 0o700, dir_fd=target)
    elif stat.S_ISREG(status.st_mode):  # something else was there a moment ago
        raise OSError(errno.ELOOP, "it was no file a moment ago", name)
    elif stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
        os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)
    else:
        os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target)
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)
        os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target)


def _set_owner_and_mode(handle: int, status: os.stat_result) -> None:
    # The owner first: a change of owner takes set-user-ID bits away.
    os.fchown(handle, status.st_uid, status.st_gid)
    os.fchmod(handle, stat.S_IMODE(status.st_mode))
    os.utime(handle, ns=(status.st_atime_ns, status.st_mtime_ns))
