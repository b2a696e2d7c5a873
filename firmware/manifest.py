"""What lies on disk, as a table of entries: path, kind, mode, owner, size, digest. Every comparison is made on it.

Contents are always hashed, never guessed from time stamps: an edit of the same size in the same second is a change.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from firmware import native
from firmware.errors import Failure
from firmware.patterns import PathPatterns

READ_TRIES = 5
#: what was a file a moment ago may be a link or a pipe by now
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_PATTERNS = PathPatterns()


@dataclass(frozen=True, slots=True)
class Entry:
    """One path. `kind` is file, dir, link or other; `digest` is of a file's bytes or of a link's target ("" else)."""

    path: str
    kind: str
    mode: int
    owner: str
    group: str
    size: int
    digest: str

    @property
    def key(self) -> str:
        """Everything that makes two entries equal, as one line."""
        return f"{self.path!r} {self.kind} {self.mode:04o} {self.owner} {self.group} {self.size} {self.digest}"


def scan(top: Path, *, named: Path | None = None, leave_out: PathPatterns = _NO_PATTERNS) -> dict[str, Entry]:
    """Everything below `top` (not `top` itself), by path, in sorted order; nothing if it is not there.

    `named` is the path under which the entries are listed, where `top` is a copy that lies elsewhere. Paths that
    `leave_out` matches, as they are listed, are left out, and nothing below them is looked at.
    """
    forget_names()
    entries = {}
    for name, path in _walk(top, str(top if named is None else named).rstrip("/"), leave_out):
        entry = entry_at(path, name)
        if entry is not None:
            entries[name] = entry
    return dict(sorted(entries.items()))


def forget_names() -> None:
    """Look accounts' names up anew: /etc/passwd may have changed since."""
    user_name.cache_clear()
    group_name.cache_clear()


def entry_at(path: Path, name: str = "") -> Entry | None:
    """The entry of one path, or None where there is nothing (any more)."""
    try:
        status = path.lstat()
        kind, size, digest = _kind_size_and_digest(path, status)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Entry(
        name or str(path),
        kind,
        stat.S_IMODE(status.st_mode),
        user_name(status.st_uid),
        group_name(status.st_gid),
        size,
        digest,
    )


def read_with_digest(path: Path) -> tuple[bytes, str]:
    """A file's bytes and their digest; the bytes are one consistent reading even while somebody writes."""
    for _ in range(READ_TRIES):
        with os.fdopen(os.open(path, _READING), "rb") as file:
            before = os.fstat(file.fileno())
            data = file.read()
            after = os.fstat(file.fileno())
        if _is_unchanged(before, after) and len(data) == after.st_size:
            return data, native.bytes_digest(data)
    raise Failure(f"{path}: it changes while it is being read", "try again when nobody writes it")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The paths that were added, changed and removed from one table of entries to another, each sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them: the added ones first, then the changed ones, then the removed ones."""
        return self.added + self.changed + self.removed


def compare(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> Comparison:
    """What differs between two tables of entries, which are keyed by path."""
    changed = (path for path in old.keys() & new.keys() if old[path].key != new[path].key)
    added, removed = new.keys() - old.keys(), old.keys() - new.keys()
    return Comparison(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)))


def entries_below(entries: Mapping[str, Entry], top: str) -> dict[str, Entry]:
    """Those entries that lie below `top` (an absolute path; none for "")."""
    return {path: entry for path, entry in entries.items() if top and path.startswith(top + "/")}


@lru_cache(maxsize=256)
def user_name(uid: int) -> str:
    """The account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(maxsize=256)
def group_name(gid: int) -> str:
    """The group's name, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _walk(top: Path, named: str, leave_out: PathPatterns) -> Iterator[tuple[str, Path]]:
    try:
        with os.scandir(top) as listing:
            children = list(listing)
    except (FileNotFoundError, NotADirectoryError):
        return
    for child in children:
        name, path = f"{named}/{child.name}", top / child.name
        if not leave_out.match(name):
            yield name, path
            if child.is_dir(follow_symlinks=False):
                yield from _walk(path, name, leave_out)


def _kind_size_and_digest(path: Path, status: os.stat_result) -> tuple[str, int, str]:
    if stat.S_ISREG(status.st_mode):
        digest, size = _file_digest(path)
        return "file", size, digest
    if stat.S_ISLNK(status.st_mode):
        target = os.fsencode(os.readlink(path))
        return "link", len(target), native.bytes_digest(target)
    return ("dir" if stat.S_ISDIR(status.st_mode) else "other"), 0, ""


def _file_digest(path: Path) -> tuple[str, int]:
    for _ in range(READ_TRIES):
        handle = os.open(path, _READING)
        try:
            before = os.fstat(handle)
            digest, size = native.file_digest(handle)
            if _is_unchanged(before, os.fstat(handle)):
                return digest, size
        finally:
            os.close(handle)
    raise Failure(f"{path}: it changes while it is being read", "try again when nobody writes it")


def _is_unchanged(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_ctime_ns, before.st_size) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_size,
    )
