"""Directory trees: an exact copy of one, and one put in the place of another in a single step."""

import os
import shutil
import stat
from pathlib import Path

from firmware import native


def copy(source: Path, target: Path) -> None:
    """Copy a directory and all below it to `target`, which must not exist: contents, modes, owners, times, links.

    Links are copied as links. Nobody but root can look into the copy before it is complete.
    """
    target.mkdir(mode=0o700)
    for entry in os.scandir(source):
        _copy_entry(Path(entry.path), target / entry.name)
    _set_owner_and_mode(target, source.lstat())


def put_in_place(new: Path, place: Path) -> None:
    """Put the directory `new` where `place` is, as one step; what was there is removed afterwards. Same file system."""
    if not os.path.lexists(place):
        os.rename(new, place)
        return
    native.exchange(new, place)
    remove(new)


def remove(path: Path) -> None:
    """Remove whatever is there, if anything is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy_entry(source: Path, target: Path) -> None:
    status = source.lstat()
    if stat.S_ISDIR(status.st_mode):
        copy(source, target)
        return
    if stat.S_ISLNK(status.st_mode):
        target.symlink_to(os.readlink(source))
    elif stat.S_ISREG(status.st_mode):
        with open(source, "rb", opener=_open_private) as reader, open(target, "xb", opener=_open_private) as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
    else:
        os.mknod(target, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev)
    _set_owner_and_mode(target, status)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _set_owner_and_mode(path: Path, status: os.stat_result) -> None:
    # The owner first: a change of owner takes set-user-ID bits away.
    os.chown(path, status.st_uid, status.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(path, stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
