"""What was synced last of each service, as a table: so that a push sends the difference to it, and no more.

It is kept in memory (/run), by the digest of the content that it belongs to, and only spares bytes: which digest the peer has is
asked elsewhere. Where it is missing or damaged, as after a boot, the next push sends the whole table. Beside the table lie the
signatures of large files, with which a delta to them is made without asking for anything.
"""

import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path
from sys import intern

from firmware import directory, files, log
from firmware.errors import Failure
from firmware.files import OpenFile
from firmware.manifest import Entry
from firmware.sync import contents

DIRECTORY = Path("/run/firmware/synced")
TABLE = "table"
_fields_of = attrgetter(*Entry.__slots__)
_ENTRIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Known:
    """What the receiver has, as far as the pusher knows: the digest of its content, the entries, and where signatures of
    its large files are (None: nowhere)."""

    digest: str
    entries: Mapping[str, Entry]
    signatures: Path | None = None


#: bytes of a file from which on its signature is kept, and a delta to it is sent
LARGE = 1 << 16


def keep(title: str, digest: str, entries: Mapping[str, Entry], top: Path = DIRECTORY) -> None:
    """Both nodes have this of the service now. Where there is no room for that, it is not kept."""
    data = b"".join(_table_pieces(digest, entries))
    with _saying_where_there_is_no_room(top / title, title):
        (top / title).mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(top / title / TABLE, data, mode=0o600)


def _table_pieces(digest: str, entries: Mapping[str, Entry]) -> Iterator[bytes]:
    """The table: a line of JSON for the digest and for some entries at a time, compressed."""
    packer, left = zlib.compressobj(1), iter(entries.values())
    yield packer.compress(json.dumps(digest).encode("ascii"))
    while rows := [_fields_of(entry) for entry in islice(left, _ENTRIES_AT_ONCE)]:
        yield packer.compress(b"\n" + json.dumps(rows).encode("ascii"))
    yield packer.flush()


def keep_signatures(title: str, entries: Mapping[str, Entry], source: Path, owns: str, top: Path = DIRECTORY) -> None:
    """Keep signatures of the large files among these, which lie in `source`, a copy of the directory `owns`, and no
    others. One that has been changed since has none."""
    with _saying_where_there_is_no_room(top / title, title):
        for name in _signature_names(top / title) - set(map(_name, _large_digests(entries))):
            (top / title / name).unlink()
    add_signatures(title, entries, source, owns, top)


def add_signatures(title: str, entries: Mapping[str, Entry], source: Path, owns: str, top: Path = DIRECTORY) -> None:
    """Make those signatures that are not there yet. They do no harm if what they are of is not synced after all."""
    with _saying_where_there_is_no_room(top / title, title):
        (top / title).mkdir(mode=0o700, parents=True, exist_ok=True)
        for digest in _large_digests(entries) - set(map("xxh3-128:{}".format, _signature_names(top / title))):
            with suppress(Failure), contents.of_files(entries, source, owns, {digest}).open_file(digest) as file:
                _write_signature(file, top / title / _name(digest))


def _large_digests(entries: Mapping[str, Entry]) -> set[str]:
    return {one.digest for one in entries.values() if one.kind == "file" and one.size >= LARGE}


def _signature_names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()} - {TABLE}


def _write_signature(file: int, path: Path) -> None:
    from firmware import rsync

    with files.new_file(path) as signature:
        rsync.write_signature(file, signature)


@contextmanager
def _saying_where_there_is_no_room(path: Path, title: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.line(f"{path}: {error.strerror}; the next push of service {title} sends more than it would have to")


def find(title: str, top: Path = DIRECTORY) -> Known | None:
    """What was synced last; None if that is not known."""
    try:
        digest, *lines = zlib.decompress((top / title / TABLE).read_bytes()).splitlines()
        entries = [_parse_entry(*row) for line in lines for row in json.loads(line)]
        return Known(str(json.loads(digest)), {entry.path: entry for entry in entries}, top / title)
    except (OSError, ValueError, TypeError, zlib.error):
        return None


def _parse_entry(path: str, kind: str, mode: int, owner: str, group: str, size: int, digest: str) -> Entry:
    return Entry(path, intern(kind), mode, intern(owner), intern(group), size, digest)


def signature(of: Known, digest: str) -> OpenFile | None:
    """The signature of one of its files; None if there is none."""
    try:
        return OpenFile(os.open(of.signatures / _name(digest), directory.READING)) if of.signatures else None
    except OSError:
        return None


def forget(title: str, top: Path = DIRECTORY) -> None:
    """Nothing is known of it any more."""
    shutil.rmtree(top / title, ignore_errors=True)


def _name(digest: str) -> str:
    return digest.rpartition(":")[2]
