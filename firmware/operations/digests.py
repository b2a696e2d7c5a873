"""XXH3-128 of files, as `xxhsum -c` reads them: what `config digest` prints."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware import manifest, native
from firmware.errors import Failure, from_system
from firmware.manifest import Entry
from firmware.store import rules, snapshot
from firmware.store.paths import NODE, Paths


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file and its digest, "xxh3-128:HEX"."""

    path: str
    digest: str

    @property
    def line(self) -> bytes:
        """The line of it that `xxhsum -c` reads: hexadecimal digits, two blanks, the name; a name with a newline or a backslash
        is written with escapes, and a backslash before the digits says so."""
        name = os.fsencode(self.path)
        written = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        mark = b"\\" if written != name else b""
        return mark + self.digest.partition(":")[2].encode() + b"  " + written + b"\n"

    def json(self) -> dict[str, object]:
        """One element of what `config digest --json` prints."""
        return {"path": self.path, "digest": self.digest}


def file_digests(names: Sequence[str] = (), *, paths: Paths = NODE) -> Iterator[FileDigest]:
    """The digests of files, and of all files below directories; without any, of what a save would keep below /etc. Failure with
    the first that cannot be read. Below a directory no link is followed."""
    if not names:
        yield from _of_entries(snapshot.current_entries(rules.load_tolerant(paths), paths))
    for name in names:
        try:
            if os.path.isdir(name):
                yield from _of_entries(manifest.scan(Path(name), named=Path(name)))
            else:
                yield FileDigest(name, _digest(name))
        except OSError as error:
            raise from_system(error) from None


def _of_entries(entries: Mapping[str, Entry]) -> Iterator[FileDigest]:
    return (FileDigest(path, entry.digest) for path, entry in sorted(entries.items()) if entry.kind == "file")


def _digest(path: str) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Failure(f"{path}: it is not a regular file")
        return native.file_digest(handle)[0]
    finally:
        os.close(handle)
