"""What lies at a path: a directory with what is in it, a file with its text, or what else it is."""

import heapq
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware import directory, native
from firmware.manifest import forget_names, group_name, user_name
from firmware.operations.files import place
from firmware.operations.files.names import parse_path, spell

#: names of a directory that are shown, the first by alphabet
MOST_ENTRIES = 5000
#: bytes of a text that an editor gets
MOST_TEXT = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What has a name in a directory. `kind` is file, directory, link, fifo, socket or device; `mode` four octal digits;
    `mtime` seconds since the epoch; `target` what a link says, and `leads_to` the path where that ends, None for what is no
    link or leads nowhere."""

    name: str
    kind: str
    mode: str
    owner: str
    group: str
    size: int
    mtime: float
    target: str | None = None
    leads_to: str | None = None


@dataclass(frozen=True, slots=True)
class FileView:
    """What lies at a path. Of a directory, `entries` are its first names, and `more` says how many are not among them.

    Of a file, `text` is None where it is no text or too long, and `reason` says which; `digest` is that of a file whose
    bytes were read, to be sent back with what is to replace it.
    """

    path: str
    kind: str
    mode: str
    owner: str
    group: str
    size: int
    mtime: float
    target: str | None = None
    leads_to: str | None = None
    entries: tuple[FileEntry, ...] | None = None
    more: int = 0
    text: str | None = None
    digest: str | None = None
    reason: str = ""


def view(text: str, *, top: Path = place.TOP) -> FileView:
    """What lies at the path that a browser wrote; a link is shown, not followed. Failure if nothing does."""
    forget_names()
    path = parse_path(text)
    if not path:
        with place.folder("", top) as handle:
            return _view_of_directory(handle, path, os.fstat(handle), top)
    with place.parent(path, top) as (above, name):
        status = os.stat(name, dir_fd=above, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            return _view_of_file(above, name, path)
        if not stat.S_ISDIR(status.st_mode):
            return _view(path, status, _link_of(above, name, path, status, top))
    with place.folder(path, top) as handle:
        return _view_of_directory(handle, path, os.fstat(handle), top)


def read_beginning(handle: int, size: int) -> bytes:
    """So many bytes of an open file, or fewer. What the kernel shows ends where it has nothing to say for now."""
    parts, left = [], size
    while left:
        try:
            part = os.read(handle, min(left, 1 << 18))
        except BlockingIOError:
            break
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _view(path: str, status: os.stat_result, link: tuple[str | None, str | None] = (None, None)) -> FileView:
    owner, group = user_name(status.st_uid), group_name(status.st_gid)
    kind, mode = place.kind_of(status.st_mode), f"{stat.S_IMODE(status.st_mode):04o}"
    return FileView(f"/{spell(path)}", kind, mode, owner, group, status.st_size, status.st_mtime, *link)


def _view_of_file(above: int, name: str, path: str) -> FileView:
    handle = directory.open_file(name, above)
    try:
        status = os.fstat(handle)
        found = _view(path, status)
        if status.st_size > MOST_TEXT and not place.is_of_the_kernel(above):
            return _with_text(found, None, "large")
        data = read_beginning(handle, MOST_TEXT + 1)
    finally:
        os.close(handle)
    return _with_text(found, data, "large" if len(data) > MOST_TEXT else "")


def _with_text(found: FileView, data: bytes | None, reason: str) -> FileView:
    from dataclasses import replace

    if data is None or reason:
        return replace(found, reason=reason)
    digest = native.bytes_digest(data)
    try:
        text = None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        text = None
    return replace(found, text=text, digest=digest, reason="" if text is not None else "binary")


def _view_of_directory(handle: int, path: str, status: os.stat_result, top: Path) -> FileView:
    from dataclasses import replace

    count = 0

    def names() -> Iterator[str]:
        nonlocal count
        with os.scandir(handle) as listing:
            for count, entry in enumerate(listing, 1):  # noqa: B007
                yield entry.name

    first = heapq.nsmallest(MOST_ENTRIES, names())
    entries = tuple(entry for name in first if (entry := _entry(handle, name, path, top)))
    return replace(_view(path, status), entries=entries, more=count - len(first))


def _entry(handle: int, name: str, above: str, top: Path) -> FileEntry | None:
    """None if it is gone by now."""
    try:
        status = os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return None
    path = f"{above}/{name}" if above else name
    link = _link_of(handle, name, path, status, top)
    owner, group = user_name(status.st_uid), group_name(status.st_gid)
    kind, mode = place.kind_of(status.st_mode), f"{stat.S_IMODE(status.st_mode):04o}"
    return FileEntry(spell(name), kind, mode, owner, group, status.st_size, status.st_mtime, *link)


def _link_of(handle: int, name: str, path: str, status: os.stat_result, top: Path) -> tuple[str | None, str | None]:
    if not stat.S_ISLNK(status.st_mode):
        return None, None
    try:
        target = os.readlink(name, dir_fd=handle)
    except OSError:  # another one by now, or of a process that has ended
        return None, None
    end = place.leads_to(path, top)
    return spell(target), end and spell(end)
