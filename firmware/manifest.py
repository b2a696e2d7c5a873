"""What lies on disk, as a table of entries: path, kind, mode, owner, size, digest. Every comparison is made on it.

Contents are always hashed, never guessed from time stamps: an edit of the same size in the same second is a change.
"""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from firmware import directory, native
from firmware.errors import Failure
from firmware.patterns import PathPatterns

READ_TRIES = 5
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}
_FORMAT = stat.S_IFMT(0xFFFF)
_PATH = attrgetter("path")
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

    @property
    def line(self) -> bytes:
        """The same as bytes, for who keeps many."""
        return self.key.encode("utf-8", "surrogateescape")


def scan(top: Path, *, named: Path | None = None, leave_out: PathPatterns = _NO_PATTERNS) -> dict[str, Entry]:
    """Everything below `top` (not `top` itself), by path, in sorted order; nothing if it is not there.

    `named` is the path under which the entries are listed, where `top` is a copy that lies elsewhere. Paths that
    `leave_out` matches, as they are listed, are left out, and nothing below them is looked at.
    """
    start = str(top if named is None else named).rstrip("/") + "/"
    found = [_entry_of_row(start, top, *row) for row in _rows(top, start, leave_out)]
    found.sort(key=_PATH)  # by characters, where the rows are sorted by bytes: nearly the same
    return {entry.path: entry for entry in found}


def scan_lines(
    top: Path, *, named: Path, leave_out: PathPatterns = _NO_PATTERNS, gently: native.Progress | None = None
) -> tuple[dict[str, bytes], dict[str, OSError | Failure]]:
    """The same as lines, the `Entry.key` of each path as bytes; and what could not be read, with the reason. `gently`: while
    others have more urgent things to do, without a trace in the times of access, and until it is told to end."""
    start = str(named).rstrip("/") + "/"
    lines, problems = dict[str, bytes](), dict[str, OSError | Failure]()
    for row in _rows(top, start, leave_out, gently=gently):
        try:
            entry = _entry_of_row(start, top, *row)
            lines[entry.path] = entry.line
        except (OSError, Failure) as error:
            problems[start + row[0]] = error
    return lines, problems


def _rows(
    top: Path, start: str, leave_out: PathPatterns, *, gently: native.Progress | None = None
) -> Iterable[native.Found]:
    forget_names()
    try:
        with directory.descriptor(top) as handle:
            return native.scan_tree(handle, start, leave_out.patterns, gently=gently is not None, progress=gently)
    except (FileNotFoundError, NotADirectoryError):
        return ()


def forget_names() -> None:
    """Look accounts' names up anew: /etc/passwd may have changed since."""
    user_name.cache_clear()
    group_name.cache_clear()


def entry_at(path: Path, name: str = "") -> Entry | None:
    """The entry of one path, or None where there is nothing (any more)."""
    return entry_below(path.parent, path.name, name or str(path))


def entry_below(top: Path, path: str, name: str) -> Entry | None:
    """The entry of what lies at `path` below `top`, known as `name`, or None; no link is followed on the way."""
    try:
        with directory.parent(top, path) as (place, last):
            return _entry_in(place, last, name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_with_digest(top: Path, path: str) -> tuple[bytes, str]:
    """The bytes of the file `path` below `top`, and their digest; the bytes are one consistent reading even while somebody
    writes. No link is followed on the way."""
    with directory.parent(top, path) as (place, name):
        for _ in range(READ_TRIES):
            with os.fdopen(directory.open_file(name, place), "rb") as file:
                before = os.fstat(file.fileno())
                data = file.read()
                after = os.fstat(file.fileno())
            if _is_unchanged(before, after) and len(data) == after.st_size:
                return data, native.bytes_digest(data)
    raise _never_settles(str(top / path))


def read_pieces(top: Path, path: str, digest: str, error: Callable[[], Failure]) -> Iterator[bytes]:
    """The bytes of the file `path` below `top` in small pieces; `error` is raised unless they are what has that digest, before
    the first of them if it is so by then, and after the last if somebody writes meanwhile. A further name of the file, which
    changes its status, is nothing that is written. No link is followed on the way."""
    with directory.parent(top, path) as (place, name), os.fdopen(directory.open_file(name, place), "rb", 0) as file:
        before = os.fstat(file.fileno())
        if native.file_digest(file.fileno())[0] != digest:
            raise error()
        file.seek(0)
        while data := file.read(directory.PIECE):
            yield data
        if not _is_unchanged(before, os.fstat(file.fileno())):
            file.seek(0)
            if native.file_digest(file.fileno())[0] != digest:
                raise error()


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
    changed = (path for path in old.keys() & new.keys() if old[path] != new[path])
    added, removed = new.keys() - old.keys(), old.keys() - new.keys()
    return Comparison(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)))


def is_same(entries: Mapping[str, Entry], top: Path, *, named: Path) -> bool:
    """Does `scan` find just these entries? Nothing of what it finds is kept."""
    start, left = f"{named}/", len(entries)
    for row in _rows(top, start, _NO_PATTERNS):
        entry = _entry_of_row(start, top, *row)
        if entries.get(entry.path) != entry:
            return False
        left -= 1
    return not left


def lines(top: Path, *, named: Path, leave_out: PathPatterns = _NO_PATTERNS) -> list[bytes]:
    """The `Entry.line` of each entry that `scan` finds, in its order; nothing else of them is kept."""
    start, found, last = f"{named}/", list[bytes](), ""
    for row in _rows(top, start, leave_out):
        entry = _entry_of_row(start, top, *row)
        if entry.path < last:  # by bytes it comes later, by characters earlier
            return [one.line for one in scan(top, named=named, leave_out=leave_out).values()]
        last = entry.path
        found.append(entry.line)
    return found


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


def _entry_of_row(start: str, top: Path, path: str, target: str, row: native.Row) -> Entry:
    """The entry of a row of `native.scan_tree`. OSError, with the path as it lies below `top`, if it could not be read."""
    mode, uid, gid, error, size, _, _, _, digest = row
    if error == errno.EAGAIN:
        raise _never_settles(start + path)
    if error:
        raise OSError(error, os.strerror(error), str(top / path))
    kind = _KINDS.get(mode & _FORMAT, "other")
    text = f"xxh3-128:{digest.hex()}" if kind in ("file", "link") else ""
    return Entry(start + path, kind, mode & 0o7777, user_name(uid), group_name(gid), size, text)


def _entry_in(place: int, name: str, path: str) -> Entry | None:
    """The entry of a name in an open directory, to be known as `path`; None where there is nothing any more."""
    for _ in range(READ_TRIES):
        try:
            status = os.stat(name, dir_fd=place, follow_symlinks=False)
            found = _kind_size_and_digest(place, name, status)
        except FileNotFoundError:
            return None
        if found is not None:
            owner, group = user_name(status.st_uid), group_name(status.st_gid)
            return Entry(path, found[0], stat.S_IMODE(status.st_mode), owner, group, *found[1:])
    raise _never_settles(path)


def _kind_size_and_digest(place: int, name: str, status: os.stat_result) -> tuple[str, int, str] | None:
    """None if it is another one by now, or was written to meanwhile."""
    if stat.S_ISREG(status.st_mode):
        return _read_file(place, name, status)
    if stat.S_ISLNK(status.st_mode):
        try:
            target = os.fsencode(os.readlink(name, dir_fd=place))
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise
        return "link", len(target), native.bytes_digest(target)
    return ("dir" if stat.S_ISDIR(status.st_mode) else "other"), 0, ""


def _read_file(place: int, name: str, status: os.stat_result) -> tuple[str, int, str] | None:
    try:
        handle = directory.open_file(name, place)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    try:
        before = os.fstat(handle)
        digest, size = native.file_digest(handle)
        is_settled = os.path.samestat(before, status) and _is_unchanged(before, os.fstat(handle))
        return ("file", size, digest) if is_settled else None
    finally:
        os.close(handle)


def _never_settles(path: str) -> Failure:
    return Failure(f"{path}: it changes while it is being read", "try again when nobody writes it")


def _is_unchanged(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_ctime_ns, before.st_size) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_size,
    )
