"""A saved configuration as bytes: an uncompressed tar that stock tar reads, and that verifies without one.

    manifest.json    who saved what and when, the removed paths, and a row for every member that follows
    etc/…            what was added or changed, sorted, each exactly as its row says
    SHA256           the SHA-256 of every byte before this member, in hex

`parse` believes the rows of the manifest, not the tar headers: it works out what the headers must be and compares. So an
archive has one meaning only, whoever reads it, and there are no foreign tar features to be careful about. The layout of
the headers is written down here, not left to a library, because archives have to verify after every upgrade.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import BinaryIO

from firmware import native
from firmware.errors import Damaged, Failure, NewerFormat
from firmware.store.archive import tar
from firmware.store.archive.item import LIMIT, Item, ancestry, from_row, require_path, require_type, to_row

FORMAT = 1
#: bytes of an archive's manifest, and rows in it
MANIFEST_LIMIT, ROWS = 8 * 2**20, 20_000
MANIFEST, TRAILER = b"manifest.json", b"SHA256"
#: the bytes of the last member and of the end of the tar
TRAILER_SIZE = 4 * tar.BLOCK

__all__ = ["LIMIT", "ROWS", "Archive", "Draft", "Label", "build", "parse", "read_who", "refuse_excess", "verify"]


@dataclass(frozen=True, slots=True)
class Label:
    """What a generation says about itself. `time` is UTC, as in 2026-01-31T23:59:59Z; `who` saved it."""

    generation: int
    time: str
    message: str
    version: str
    who: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A whole archive that has been verified. `digest` is "sha256:HEX", over everything before the last member."""

    label: Label
    items: Mapping[str, Item]
    removed: tuple[str, ...]
    digest: str
    data: bytes
    offsets: Mapping[str, int]

    def content(self, path: str) -> bytes:
        """The bytes of a file in it."""
        start = self.offsets[path]
        return self.data[start : start + self.items[path].entry.size]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be saved: the items, the bytes of those that are files, and the paths that are gone."""

    items: Mapping[str, Item]
    contents: Mapping[str, bytes]
    removed: tuple[str, ...]


def build(label: Label, draft: Draft) -> bytes:
    """The archive. Failure if it would be too large to be read again."""
    rows = [to_row(draft.items[path]) for path in sorted(draft.items)]
    head = {"format": FORMAT, **asdict(label), "removed": sorted(draft.removed), "entries": rows}
    # ASCII only: names that are not UTF-8 stay what they are, as escaped surrogates.
    manifest = json.dumps(head, indent=1).encode("ascii") + b"\n"
    parts = [tar.header(tar.Member(MANIFEST, size=len(manifest), mode=0o600)), manifest, tar.padding(manifest)]
    for path in sorted(draft.items):
        content = draft.contents.get(path, b"")
        parts += [_header(draft.items[path]), content, tar.padding(content)]
    refuse_excess(len(rows) + len(draft.removed), sum(map(len, parts)) + TRAILER_SIZE, len(manifest))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    # The one copy that is made of all: a small appliance has no room for more.
    return b"".join((*parts, _trailer(digest.hexdigest())))


def refuse_excess(paths: int, size: int, manifest: int = 0) -> None:
    """Failure if so many paths and bytes, and bytes of the manifest among them, are more than can be read again."""
    if size > LIMIT or manifest > MANIFEST_LIMIT or paths > ROWS:
        found = f"{paths} paths, {size / 2**20:.1f} MiB"
        raise Failure(f"too much to be saved: {found}; at most {ROWS} paths, {LIMIT >> 20} MiB", "config changes")


def read_who(file: BinaryIO) -> str:
    """Who saved the archive in a file, as its first bytes say, for what needs no more than that: nothing is verified. Damaged
    if they say no such thing."""
    try:
        size = tar.size(file.read(tar.BLOCK))
        who: str = require_type(json.loads(file.read(min(size, MANIFEST_LIMIT)))["who"], str)
        return who
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"its manifest is malformed: {error}") from None


def parse(data: bytes, name: str = "the archive") -> Archive:
    """The archive in `data`, if it is whole and nothing but what `build` makes. Damaged, saying why, if not; NewerFormat,
    naming it, if it is whole and a newer firmware made it."""
    digest = verify(data)
    try:
        return _parse(data, digest, name)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise Damaged(f"its manifest is malformed: {error}") from None


def verify(data: bytes) -> str:
    """The SHA-256 in hex of a whole archive; Damaged if a byte is wrong or missing."""
    if len(data) > LIMIT:
        raise Damaged(f"it is larger than {LIMIT >> 20} MiB")
    if len(data) < TRAILER_SIZE + 2 * tar.BLOCK or len(data) % tar.BLOCK:
        raise Damaged(f"it is not whole: {len(data)} bytes")
    digest = hashlib.sha256(memoryview(data)[:-TRAILER_SIZE]).hexdigest()
    if data[-TRAILER_SIZE:] != _trailer(digest):
        raise Damaged("its SHA-256 does not match")
    return digest


def _parse(data: bytes, digest: str, name: str) -> Archive:
    size = tar.size(data[: tar.BLOCK])
    if not 0 < size <= MANIFEST_LIMIT:
        raise ValueError(f"it has {size} bytes")
    reader = _Reader(data)
    reader.expect(tar.header(tar.Member(MANIFEST, size=size, mode=0o600)), "manifest.json")
    start = reader.skip(size, "manifest.json")
    head = json.loads(data[start : start + size])
    if require_type(head["format"], int) > FORMAT:
        raise NewerFormat(name, head["format"], FORMAT)
    if head["format"] < FORMAT:
        raise ValueError(f"it has format {head['format']}")
    label = Label(**{field.name: require_type(head[field.name], field.type) for field in fields(Label)})
    if len(head["entries"]) + len(head["removed"]) > ROWS:
        raise ValueError(f"more than {ROWS} paths")
    items = {item.path: item for item in map(from_row, head["entries"])}
    removed = tuple(require_path(path) for path in head["removed"])
    _require_order(items, [row["path"] for row in head["entries"]], removed)
    return Archive(label, items, removed, "sha256:" + digest, data, _offsets(reader, items))


def _offsets(reader: "_Reader", items: Mapping[str, Item]) -> dict[str, int]:
    """Where each file's bytes are; every header, every byte between them and every content is compared on the way."""
    offsets = {}
    for path, item in items.items():
        reader.expect(_header(item), path)
        if item.entry.kind == "file":
            start = offsets[path] = reader.skip(item.entry.size, path)
            if native.bytes_digest(memoryview(reader.data)[start : start + item.entry.size]) != item.entry.digest:
                raise ValueError(f"{path!r}: the content has another digest")
    if reader.at != len(reader.data) - TRAILER_SIZE:
        raise ValueError("there is something after the last entry")
    return offsets


class _Reader:
    """Goes through the bytes of an archive once, from front to back, and accepts only what it expects."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def expect(self, header: bytes, what: str) -> None:
        """`header` must come next."""
        if self.data[self.at : self.at + len(header)] != header:
            raise ValueError(f"{what!r}: the tar header differs from it")
        self.at += len(header)

    def skip(self, size: int, what: str) -> int:
        """Go over `size` bytes and the zeros that fill their last block; returns where the bytes began."""
        start, filled = self.at, -(-size // tar.BLOCK) * tar.BLOCK
        if any(self.data[start + size : start + filled]):
            raise ValueError(f"{what!r}: there is something after the content")
        self.at += filled
        return start


def _require_order(items: Mapping[str, Item], listed: list[str], removed: tuple[str, ...]) -> None:
    """Every path once and in order, and nothing below something that is no directory."""
    for paths in (listed, list(removed)):
        if paths != sorted(set(paths)):
            raise ValueError("the paths are not in order, or one is there twice")
    gone = set(removed)
    for path in items:
        for parent in ancestry(path):
            if parent in gone or (parent != path and parent in items and items[parent].entry.kind != "dir"):
                raise ValueError(f"{path!r}: it is below {parent!r}")


def _header(item: Item) -> bytes:
    entry, kind = item.entry, {"file": b"0", "dir": b"5", "link": b"2"}[item.entry.kind]
    name = entry.path[1:] + ("/" if entry.kind == "dir" else "")
    return tar.header(
        tar.Member(
            _encode(name), kind, entry.size if entry.kind == "file" else 0, entry.mode, item.mtime,
            (item.uid, item.gid), (_encode(entry.owner), _encode(entry.group)), _encode(item.target),
        )
    )  # fmt: skip


def _trailer(digest: str) -> bytes:
    line = digest.encode() + b"\n"
    return tar.header(tar.Member(TRAILER, size=len(line), mode=0o600)) + tar.pad_to_block(line) + bytes(2 * tar.BLOCK)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
