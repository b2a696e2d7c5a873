"""Deltas: of a large file only what differs from the one that the peer has in its place, made with that file's signature."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from firmware import directory, files
from firmware.files import OpenFile
from firmware.manifest import Entry
from firmware.sync import synced
from firmware.sync.contents import Contents, FileContents
from firmware.sync.synced import Known

#: a delta is sent if it is smaller than this share of its file: the rest is compressed either way
WORTH = 0.5


@dataclass(frozen=True, slots=True)
class Delta:
    """A delta in memory, which can be sent as often as is needed, and how many bytes it is."""

    file: OpenFile
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Its bytes."""
        place = 0
        while data := os.pread(self.file.handle, directory.PIECE, place):
            yield data
            place += len(data)


def make(of: Contents, entry: Entry, known: Known, old: Entry) -> Delta | None:
    """What differs in a file from the old one; None where the file is not large, there is no signature, or it does not pay."""
    if min(entry.size, old.size) < synced.LARGE or not isinstance(of, FileContents):
        return None
    signature = synced.signature(known, old.digest)
    if signature is None:
        return None
    from firmware import rsync

    delta = files.memory_file("delta")
    with of.open_file(entry.digest) as new:
        is_worth = rsync.write_delta(signature.handle, new, delta.handle, int(entry.size * WORTH))
    return Delta(delta, os.fstat(delta.handle).st_size) if is_worth else None
