"""The C part as Python: digests of files (XXH3-128 through libxxhash), of a whole tree and of many files of a directory at once,
the exchange of two names, and free memory that goes back to the system.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from firmware._native import ffi, lib

#: a status: mode, uid, gid, inode, size, and the times of the last change of content and of anything, in nanoseconds
STATUS = struct.Struct("7q")


def file_digest(handle: int) -> tuple[str, int]:
    """The digest "xxh3-128:HEX" of an open file from where it stands to its end, and how many bytes that were."""
    digest, size = ffi.new("unsigned char[16]"), ffi.new("uint64_t *")
    error = lib.native_hash_fd(handle, digest, size)
    if error:
        raise OSError(error, os.strerror(error))
    return "xxh3-128:" + bytes(digest).hex(), int(size[0])


def bytes_digest(data: bytes | memoryview) -> str:
    """The digest "xxh3-128:HEX" of bytes in memory."""
    digest = ffi.new("unsigned char[16]")
    lib.native_hash_bytes(ffi.from_buffer(data), len(data), digest)
    return "xxh3-128:" + bytes(digest).hex()


def stat_names(names: Sequence[str], place: int) -> bytes:
    """The status of each name in the open directory `place`, as numbers of 8 bytes (see `STATUS`); zeros for one that is not
    there. Links themselves are looked at."""
    status = bytearray(len(names) * STATUS.size)
    error = lib.native_stat_names(place, _with_ends(names), len(names), ffi.from_buffer("int64_t[]", status))
    if error:
        raise OSError(error, os.strerror(error))
    return bytes(status)


def read_names(names: Sequence[str], place: int, rooms: Sequence[int]) -> list[tuple[memoryview, str] | int]:
    """Of each file in the open directory `place` its first bytes, as many as there is room for, and their digest "xxh3-128:HEX";
    or the number of the error. No link is followed, and nothing waits."""
    bytes_read, digests = bytearray(sum(rooms)), bytearray(16 * len(names))
    sizes = ffi.new("int64_t[]", len(names))
    lib.native_read_names(
        place, _with_ends(names), len(names), ffi.new("uint64_t[]", rooms), ffi.from_buffer("unsigned char[]", bytes_read), sizes,
        ffi.from_buffer("unsigned char[]", digests),
    )  # fmt: skip
    found, at, view, text = list[tuple[memoryview, str] | int](), 0, memoryview(bytes_read), digests.hex()
    for number, (size, room) in enumerate(zip(sizes, rooms, strict=True)):
        digest = "xxh3-128:" + text[32 * number : 32 * number + 32]
        found.append((view[at : at + size], digest) if size >= 0 else -size)
        at += room
    return found


def copy_names(names: Sequence[str], source: int, target: int) -> list[str]:
    """Copy each file of these names from one open directory to another: content, owner, mode and times. Returns those that are no
    files, and are left alone. No link is followed. OSError for the first that cannot be copied."""
    errors = ffi.new("int32_t[]", len(names))
    lib.native_copy_names(source, target, _with_ends(names), len(names), errors)
    _raise_first((max(error, 0) for error in errors), names)
    return [name for name, error in zip(names, errors, strict=True) if error < 0]


def link_names(names: Sequence[str], source: int, target: int) -> list[str]:
    """Have each file of these names in one open directory in another one, too, on the same file system; returns those that
    could not be."""
    errors = ffi.new("int32_t[]", len(names))
    lib.native_link_names(source, target, _with_ends(names), len(names), errors)
    return [name for name, error in zip(names, errors, strict=True) if error]


#: who owns a file, and its mode: uid, gid, mode
Owner = tuple[int, int, int]


def write_names(
    names: Sequence[str], place: int, contents: Sequence[bytes | memoryview], owners: Sequence[Owner]
) -> list[str]:
    """Write these files, which are not there yet, to the open directory `place`; returns the digest of each, "xxh3-128:HEX", as
    it is read again. OSError for the first that cannot be written."""
    errors, digests = ffi.new("int32_t[]", len(names)), bytearray(16 * len(names))
    sizes, given = ffi.new("uint64_t[]", [*map(len, contents)]), ffi.new("struct native_owner[]", [*owners])
    read_back = ffi.from_buffer("unsigned char[]", digests)
    lib.native_write_names(place, _with_ends(names), len(names), b"".join(contents), sizes, given, errors, read_back)
    _raise_first(errors, names)
    return [f"xxh3-128:{digests[at : at + 16].hex()}" for at in range(0, len(digests), 16)]


def remove_names(names: Sequence[str], place: int) -> None:
    """Remove what has these names in the open directory `place`, but for directories, if anything has. OSError for the first that
    cannot be removed."""
    errors = ffi.new("int32_t[]", len(names))
    lib.native_remove_names(place, _with_ends(names), len(names), errors)
    _raise_first(errors, names)


def _raise_first(errors: Iterable[int], names: Iterable[str]) -> None:
    for error, name in zip(errors, names, strict=True):
        if error:
            raise OSError(error, os.strerror(error), name)


def _with_ends(names: Sequence[str]) -> bytes:
    return os.fsencode("\0".join(names)) + b"\0" if names else b""


def exchange(one: Path | str, other: Path | str, *, one_dir: int = -1, other_dir: int = -1) -> None:
    """Swap two names on one file system as one step: nobody ever sees neither or a mixture.

    Each may be a name in an open directory, as in os.rename with `src_dir_fd` and `dst_dir_fd`.
    """
    error = lib.native_exchange(one_dir, os.fsencode(one), other_dir, os.fsencode(other))
    if error:
        raise OSError(error, os.strerror(error), str(one), None, str(other))


def trim_heap() -> None:
    """Give memory that nothing is in any more back to the system. It takes some milliseconds."""
    lib.native_trim_heap()


#: an entry of a tree as it lies in memory (native/tree.h): mode, uid, gid, errno value, size, times of the last change of content
#: and of anything in nanoseconds, inode, digest
_ROW = struct.Struct("=IIIiqqqQ16s")
Row = tuple[int, int, int, int, int, int, int, int, bytes]
#: a path below the top of a tree, the target of a link ("" else), and the row
Found = tuple[str, str, Row]


class Progress:
    """How far a scan is, in files and bytes, and how it is ended early: both by any thread while another one scans."""

    def __init__(self) -> None:
        self.struct = ffi.new("struct native_progress *")

    @property
    def files(self) -> int:
        """Files that have been read."""
        return int(self.struct.files)

    @property
    def bytes(self) -> int:
        """Bytes that have been read."""
        return int(self.struct.bytes)

    def cancel(self) -> None:
        """End the scan, which then fails with ECANCELED."""
        self.struct.cancelled = 1


def scan_tree(
    top: int,
    start: str,
    patterns: Sequence[str] = (),
    *,
    threads: int = 0,
    gently: bool = False,
    progress: Progress | None = None,
) -> Iterator[Found]:
    """Everything below the open directory `top`, sorted by the bytes of the paths: the path below `top`, the target of a link (""
    else), and a row (mode, uid, gid, error, size, mtime, ctime, inode, digest): times in nanoseconds; `error` is the errno value
    for which it could not be read, EAGAIN if it never kept still; the digest is XXH3-128 of a file's bytes or a link's target.

    Paths that match a pattern (see `patterns`) when they are known as `start` and what follows are left out, with all below them.
    No link is followed, no other file system entered, nothing but files is opened. `threads`: as many as there are processors
    for 0. `gently`: by one, while there is nothing else to do, and without a trace in the times of access. Other threads of
    Python run meanwhile. OSError if `top` cannot be read, and ECANCELED if `progress` was told so.
    """
    tree, texts = ffi.new("struct native_tree *"), [os.fsencode(pattern) + b"\0" for pattern in patterns]
    what = top, os.fsencode(start), b"".join(texts), len(texts)
    told = progress.struct if progress else ffi.NULL
    if gently:
        error = lib.native_scan_tree_gently(*what, told, tree)
    else:
        error = lib.native_scan_tree(*what, threads or len(os.sched_getaffinity(0)), told, tree)
    if error:
        raise OSError(error, os.strerror(error), start)
    try:
        rows = bytes(ffi.buffer(tree.entries, tree.count * _ROW.size))
        names = os.fsdecode(bytes(ffi.buffer(tree.names, tree.names_size))).split("\0")
    finally:
        lib.native_free_tree(tree)
    return zip(names[::2], names[1::2], _ROW.iter_unpack(rows), strict=False)


def matches(pattern: str, path: str) -> bool:
    """Whether the C part says that a path matches a pattern (see `patterns.PathPatterns`)."""
    return bool(lib.native_matches(os.fsencode(pattern), os.fsencode(path)))
