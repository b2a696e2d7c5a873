"""What is in files: a text that replaces the one that was opened, bytes that come in and go out as a stream."""

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from firmware import directory, native
from firmware.errors import Refused, Usage
from firmware.files import TEMPORARY_PREFIX
from firmware.locks import CONFIG, FILES, hold
from firmware.operations.files import place
from firmware.operations.files.browse import MOST_TEXT
from firmware.operations.files.names import parse_path, spell
from firmware.rc import document
from firmware.store.confidential import holds_private_key
from firmware.sync import audit
from firmware.sync.audit import Who

#: bytes that are read and sent in one go, after how many of those that come in the room is looked at
_PIECE, _ROOM_CHECK = 1 << 18, 4 << 20
#: bytes that are sent of what the kernel shows: some of it has no end
_MOST_OF_KERNEL = 16 << 20
#: what a file system says that knows no files without a name
_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


@dataclass(frozen=True, slots=True)
class FileWritten:
    """A file as it was written: its path, digest and bytes, and what the checker of its service warns of."""

    path: str
    digest: str
    size: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file that goes out: its name, how many bytes it has at most, and these in pieces."""

    name: str
    size: int
    pieces: Iterator[bytes]


def write_text(
    path: str, text: str, digest: str | None, *, who: Who, top: Path = place.TOP, trail: Path = audit.DIRECTORY
) -> FileWritten:
    """Replace the text of a file as one step, if it is still the one with that digest; None: if there is none yet.

    Refused, and nothing written, if it is another one by now. Its owner and mode stay.
    """
    below, data = parse_path(path), _encode(text, path)
    with ExitStack() as held:
        held.enter_context(hold(FILES))
        if f"/{below}" == document.PATH:
            held.enter_context(hold(CONFIG))
        above, name = held.enter_context(place.parent(below, top))
        place.refuse_kernel(above, below)
        old = _read_current(above, name, below)
        _refuse_changed(old, digest, below)
        place.require_room(above, below, len(data))
        if old is None or old[0] != data:
            _write_new(above, name, [data], old and old[1], replace=old is not None)
            _note(below, _sha256(old[0]) if old else "", _sha256(data), who, trail)
    return FileWritten(f"/{spell(below)}", native.bytes_digest(data), len(data))


def require_receivable(path: str, size: int, *, replace: bool, top: Path = place.TOP) -> None:
    """Refused, or Failure for want of room, where `receive` would say so of that many bytes."""
    below = parse_path(path)
    with place.parent(below, top) as (above, name):
        _require_receivable(above, name, below, size, replace)


def _require_receivable(above: int, name: str, path: str, size: int, replace: bool) -> os.stat_result | None:
    """What has that name now."""
    place.refuse_kernel(above, path)
    old = _status(above, name, path)
    if old and not replace:
        raise _exists(path)
    place.require_room(above, path, size)
    return old


def receive(
    path: str,
    pieces: Iterable[bytes],
    *,
    size: int = 0,
    replace: bool,
    who: Who,
    top: Path = place.TOP,
    trail: Path = audit.DIRECTORY,
) -> FileWritten:
    """Write a file from what comes in; it has its name once all of it is there. Refused if there is one of that name, and it
    is not to be replaced; Failure if there is no room, at once for the `size` that is known beforehand."""
    below = parse_path(path)
    with place.parent(below, top) as (above, name):
        old = _require_receivable(above, name, below, size, replace)
        hashed = hashlib.sha256()
        digest, size = _write_new(above, name, _bound(pieces, hashed, above, below), old, replace=old is not None)
        _note(below, "", f"sha256:{hashed.hexdigest()}", who, trail)
    return FileWritten(f"/{spell(below)}", digest, size)


def send(path: str, *, top: Path = place.TOP) -> FileContent:
    """The bytes of a file as it is now: what is added to it meanwhile does not count."""
    below = parse_path(path)
    with place.parent(below, top) as (above, name):
        place.require_file(os.stat(name, dir_fd=above, follow_symlinks=False), below)
        handle = directory.open_file(name, above)
        size = _MOST_OF_KERNEL if place.is_of_the_kernel(above) else os.fstat(handle).st_size
    return FileContent(spell(name), size, _pieces(handle, size))


def _pieces(handle: int, size: int) -> Iterator[bytes]:
    with os.fdopen(handle, "rb", buffering=0) as file:
        while size and (part := file.read(min(size, _PIECE))):
            size -= len(part)
            yield part


def _encode(text: str, path: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise Usage(f"{path}: what is to be written is not text") from None
    if len(data) > MOST_TEXT:
        raise Usage(f"{path}: more than {MOST_TEXT >> 20} MiB of text", "upload it as a file")
    return data


def _read_current(above: int, name: str, path: str) -> tuple[bytes, os.stat_result] | None:
    """The file's bytes and what it is; None if there is none."""
    status = _status(above, name, path)
    if status is None:
        return None
    if status.st_size > MOST_TEXT:
        raise Refused(
            f"/{spell(path)}: more than {MOST_TEXT >> 20} MiB: no editor has opened it", "upload it as a file"
        )
    with os.fdopen(directory.open_file(name, above), "rb") as file:
        return file.read(MOST_TEXT + 1), status


def _refuse_changed(old: tuple[bytes, os.stat_result] | None, digest: str | None, path: str) -> None:
    hint = "look at what it says now; what you typed is not lost"
    if old is None and digest is not None:
        raise Refused(f"/{spell(path)}: it is gone since it was opened", "write it as a new file")
    if old is not None and digest is None:
        raise _exists(path)
    if old is not None and native.bytes_digest(old[0]) != digest:
        raise Refused(f"/{spell(path)}: it has changed since it was opened", hint)


def _exists(path: str) -> Refused:
    return Refused(f"/{spell(path)}: it exists already", "replace it, or take another name")


def _status(above: int, name: str, path: str) -> os.stat_result | None:
    """What has that name, None if nothing has. Refused if it is no file."""
    try:
        status = os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return None
    place.require_file(status, path)
    return status


def _bound(pieces: Iterable[bytes], hashed: "hashlib._Hash", above: int, path: str) -> Iterator[bytes]:
    """The same pieces for as long as there is room for more."""
    unchecked = _ROOM_CHECK
    for piece in pieces:
        unchecked += len(piece)
        if unchecked >= _ROOM_CHECK:
            place.require_room(above, path, len(piece))
            unchecked = 0
        hashed.update(piece)
        yield piece


def _write_new(
    above: int, name: str, pieces: Iterable[bytes], old: os.stat_result | None, *, replace: bool
) -> tuple[str, int]:
    """Make a file of the pieces, and give it the name as one step; returns its digest and size. Until then nobody sees it."""
    with _unnamed_file(above) as (handle, put):
        secret = False
        for number, piece in enumerate(pieces):
            secret = secret or (number == 0 and holds_private_key(piece))
            _write_all(handle, piece)
        os.fchown(handle, old.st_uid if old else 0, old.st_gid if old else 0)
        os.fchmod(handle, old.st_mode & 0o7777 if old else 0o600 if secret else 0o644)
        os.fsync(handle)
        os.lseek(handle, 0, os.SEEK_SET)
        digest, size = native.file_digest(handle)
        put(name, replace)
    os.fsync(above)
    return digest, size


@contextmanager
def _unnamed_file(above: int) -> Iterator[tuple[int, Callable[[str, bool], None]]]:
    """A file that vanishes with this process unless it is given a name. Where the file system has none of that kind, it has
    a name that nobody looks at."""
    handle, known = _open_unnamed(above)
    temporary = known or f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}"

    def put(name: str, replace: bool) -> None:
        if not known:
            os.link(f"/proc/self/fd/{handle}", temporary, dst_dir_fd=above, follow_symlinks=True)
        if replace:
            os.replace(temporary, name, src_dir_fd=above, dst_dir_fd=above)
        else:
            os.link(temporary, name, src_dir_fd=above, dst_dir_fd=above, follow_symlinks=False)

    try:
        yield handle, put
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=above)


def _open_unnamed(above: int) -> tuple[int, str]:
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=above), ""
    except OSError as error:
        if error.errno not in _NO_UNNAMED:
            raise
    name = f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}"
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=above), name


def _write_all(handle: int, data: bytes) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(handle, view[done:])


def _note(path: str, before: str, after: str, who: Who, trail: Path) -> None:
    files = [f"/{spell(path)}"]
    audit.note("file written", who=who, result="done", directory=trail, files=files, before=before, after=after)


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
