"""The contents of the files of a proposal, by their digests, and how they travel. Who sends them reads each when its turn has
come: there is never more of them in memory than one file.
"""

import binascii
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from firmware import directory, files, manifest, native
from firmware.errors import Failure
from firmware.files import OpenFile
from firmware.manifest import Entry

#: bytes that become base64 without an end in between: three become four letters
_BASE64_PIECE = 3 << 14


class Contents(Protocol):
    """The bytes of files by their digests: those that have arrived, or those that are still to be read."""

    def __iter__(self) -> Iterator[str]: ...

    def __contains__(self, digest: object, /) -> bool: ...

    def __getitem__(self, digest: str, /) -> bytes: ...


@runtime_checkable
class StreamedContents(Contents, Protocol):
    """Those that need not be in memory as a whole."""

    def pieces(self, digest: str, /) -> Iterator[bytes]: ...


@runtime_checkable
class SpooledContents(StreamedContents, Protocol):
    """Those that lie in memory one after the other, and can be given up from the last one on."""

    def give_up(self, digest: str, /) -> None: ...

    def write_to(self, handle: int, digest: str, /) -> None: ...


def give_up(of: Contents, digest: str) -> None:
    """This one, and all that come after it, are not needed any more."""
    if isinstance(of, SpooledContents):
        of.give_up(digest)


def write_to(handle: int, of: Contents, digest: str) -> None:
    """Write the bytes of a file to an open one that is empty."""
    if isinstance(of, SpooledContents):
        of.write_to(handle, digest)
        return
    for piece in pieces(of, digest):
        files.write_all(handle, piece)


def pieces(of: Contents, digest: str) -> Iterator[bytes]:
    """The bytes of a file, small pieces of them where that can be."""
    return reader(of)(digest)


def reader(of: Contents) -> Callable[[str], Iterator[bytes]]:
    """What gives these of each file. To ask once what can be done with contents, and not for each file, counts with thousands."""
    return of.pieces if isinstance(of, StreamedContents) else lambda digest: iter([of[digest]])


@dataclass(frozen=True, slots=True)
class FileContents:
    """Those of files by their digests, from `top`, a copy of the directory `owns`. They are read anew whenever they are asked
    for; Failure if one is not what it was any more."""

    entries: Mapping[str, Entry]
    top: Path
    owns: str

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, digest: object) -> bool:
        return digest in self.entries

    def __getitem__(self, digest: str) -> bytes:
        path = self.entries[digest].path
        data, found = manifest.read_with_digest(self.top, os.path.relpath(path, self.owns))
        if found != digest:
            raise _change_while_sent(path)
        return data

    def pieces(self, digest: str) -> Iterator[bytes]:
        """The same, read while it is sent."""
        path = self.entries[digest].path
        yield from manifest.read_pieces(
            self.top, os.path.relpath(path, self.owns), digest, lambda: _change_while_sent(path)
        )

    @contextmanager
    def open_file(self, digest: str) -> Iterator[int]:
        """One of them as an open file, at its beginning; Failure if it is not what it was any more."""
        path = self.entries[digest].path
        with directory.parent(self.top, os.path.relpath(path, self.owns)) as (place, name):
            file = OpenFile(directory.open_file(name, place))
        if native.file_digest(file.handle)[0] != digest:
            raise _change_while_sent(path)
        os.lseek(file.handle, 0, os.SEEK_SET)
        yield file.handle


def of_files(entries: Mapping[str, Entry], top: Path, owns: str, digests: Collection[str]) -> FileContents:
    """The contents that have these digests, of the files in `top`, a copy of the directory `owns` that has these entries."""
    files = {entry.digest: entry for entry in entries.values() if entry.kind == "file" and entry.digest in digests}
    return FileContents(files, top, owns)


def _change_while_sent(path: str) -> Failure:
    return Failure(f"{path}: it changed while it was being sent", "push again")


def base64_size(size: int) -> int:
    """The letters that so many bytes become."""
    return -(-size // 3) * 4


def base64_pieces(data: bytes) -> Iterator[bytes]:
    """The letters, in small pieces."""
    for start in range(0, len(data), _BASE64_PIECE):
        yield binascii.b2a_base64(data[start : start + _BASE64_PIECE], newline=False)
