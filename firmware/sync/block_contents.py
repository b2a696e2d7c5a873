"""The contents of the files of a proposal that came in blocks: whole, or as a delta to a file that is here."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from firmware import directory, files, native
from firmware.blocks import Blocks
from firmware.errors import Refused
from firmware.files import OpenFile


@dataclass(frozen=True, slots=True)
class Place:
    """Where a content begins among the bytes of the blocks, how many bytes are there and how many it has; `old` is the digest of
    the file to which these bytes are a delta ("" where they are the content itself)."""

    start: int
    length: int
    size: int
    old: str = ""


@dataclass(frozen=True, slots=True)
class BlockContents:
    """Those of a proposal, by their digests. `owns` is the directory in which the old files are, by their digests in `here`.
    Refused when one is read that is not what its digest says."""

    blocks: Blocks
    places: Mapping[str, Place]
    owns: str = ""
    here: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __contains__(self, digest: object) -> bool:
        return digest in self.places

    def __getitem__(self, digest: str) -> bytes:
        data = b"".join(self.pieces(digest))
        if native.bytes_digest(data) != digest:
            raise _lie(digest)
        return data

    def pieces(self, digest: str) -> Iterator[bytes]:
        """The same a piece at a time. Whole ones are unproven: who writes them to a file compares that."""
        place = self.places[digest]
        if not place.old:
            return self.blocks.pieces(place.start, place.length)
        return self._patched_pieces(digest, place)

    def write_to(self, handle: int, digest: str) -> None:
        """Write one to an open file that is empty, to which a delta is applied without being anywhere else as a whole."""
        place = self.places[digest]
        if place.old:
            self._patch(place, handle)
            return
        for piece in self.blocks.pieces(place.start, place.length):
            files.write_all(handle, piece)

    def give_up(self, digest: str) -> None:
        """This one, and all that come after it, are not needed any more."""
        self.blocks.cut(self.places[digest].start)

    def _patched_pieces(self, digest: str, place: Place) -> Iterator[bytes]:
        new = files.memory_file("new")
        self._patch(place, new.handle)
        os.lseek(new.handle, 0, os.SEEK_SET)
        if native.file_digest(new.handle) != (digest, place.size):
            raise _lie(digest)
        os.lseek(new.handle, 0, os.SEEK_SET)
        while data := os.read(new.handle, directory.PIECE):
            yield data

    def _patch(self, place: Place, new: int) -> None:
        """Apply a delta to the old file; what it makes is not proved yet."""
        from firmware import rsync

        delta = files.memory_file("delta")
        for piece in self.blocks.pieces(place.start, place.length):
            files.write_all(delta.handle, piece)
        os.lseek(delta.handle, 0, os.SEEK_SET)
        path = self.here.get(place.old)
        if path is None:
            raise Refused(f"contents: a delta to {place.old}, which is no file here")
        with directory.parent(self.owns, os.path.relpath(path, self.owns)) as (where, name):
            old = OpenFile(directory.open_file(name, where))
        rsync.patch(old.handle, delta.handle, new, place.size)


def _lie(digest: str) -> Refused:
    return Refused(f"contents: what was sent as {digest} has another digest")
