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
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import islice
from operator import lt
from typing import Any, BinaryIO

from firmware import native
from firmware.errors import Damaged, Failure, NewerFormat
from firmware.store.archive import tar
from firmware.store.archive.chunks import in_chunks
from firmware.store.archive.item import (
    LIMIT,
    Item,
    ancestry,
    from_row,
    require_path,
    require_savable,
    require_type,
    row_text,
)
from firmware.store.archive.parts import SCHEMA, Archive, Draft, Label, SealedDraft

#: the newest one; 2 added `schema` and `withheld`, and 3 has more rows: each is only written where it says something with them
FORMAT = 3
#: bytes of an archive's manifest, and rows in it; and those beyond which only format 3 goes
MANIFEST_LIMIT, ROWS = 16 * 2**20, 32_768
_SMALL_MANIFEST, _FEW_ROWS = 8 * 2**20, 20_000
MANIFEST, TRAILER = b"manifest.json", b"SHA256"
#: the bytes of the last member and of the end of the tar
TRAILER_SIZE = 4 * tar.BLOCK

_TAR_KINDS = {"file": b"0", "dir": b"5", "link": b"2"}
#: bytes at the beginning of an archive in which its label ends, unless its message is longer than any
_HEAD_SIZE = 16 * 1024
#: what going through something else than an archive raises
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)

__all__ = [
    "LIMIT", "ROWS", "SCHEMA", "Archive", "Draft", "Label", "SealedDraft",
    "build", "parse", "read_label", "refuse_excess", "seal", "verify",
]  # fmt: skip


def build(label: Label, draft: Draft | Archive) -> bytes:
    """The archive as one. Failure if it could not be read again."""
    return b"".join(seal(label, draft).pieces)


def seal(label: Label, draft: Draft | Archive) -> SealedDraft:
    """The archive. Failure if it could not be read again: what `parse` would refuse is never made."""
    items = {path: draft.items[path] for path in sorted(draft.items)}
    _require_readable(draft, items)
    manifest = _manifest_text(label, draft, items).encode("ascii")
    pieces = [tar.header(tar.Member(MANIFEST, size=len(manifest), mode=0o600)), manifest, tar.padding(manifest)]
    for path, item in items.items():
        content = draft.content(path) if item.entry.kind == "file" else b""
        pieces += (_header(item), content, tar.padding(content))
    refuse_excess(len(draft.items) + len(draft.removed), sum(map(len, pieces)) + TRAILER_SIZE, len(manifest))
    digest, chunks = hashlib.sha256(), [*in_chunks(pieces)]
    for chunk in chunks:
        digest.update(chunk)
    return SealedDraft(label, "sha256:" + digest.hexdigest(), (*chunks, _trailer(digest.hexdigest())))


def _require_readable(draft: Draft | Archive, items: Mapping[str, Item]) -> None:
    """Failure, naming the path, for what is well enough on a disk, and would be refused in an archive. `items` are the draft's,
    in order."""
    refuse_excess(len(items) + len(draft.removed), sum(item.entry.size for item in items.values()))
    try:
        for path, item in items.items():
            require_savable(item)
            if item.entry.kind == "file" and len(draft.content(path)) != item.entry.size:
                raise ValueError(f"{path!r}: its content has another size")
        _require_order(items, [*items], sorted(map(require_path, draft.removed)))
    except (TypeError, ValueError) as error:
        raise Failure(f"it cannot be saved: {error}", "config changes lists what would be saved") from None


def _manifest_text(label: Label, draft: Draft | Archive, items: Mapping[str, Item]) -> str:
    """The manifest as `json.dumps(…, indent=1)` lays it out. ASCII only: names that are not UTF-8 stay what they are, as
    escaped surrogates."""
    rows = ",\n".join(map(row_text, items.values()))
    entries = f"[\n{rows}\n ]" if rows else "[]"

    def text(least: int) -> str:
        head = json.dumps(_head(label, draft, least), indent=1)
        return f'{head.removesuffix("}").rstrip()},\n "entries": {entries}\n}}\n'

    small = text(1)
    is_large = len(items) + len(draft.removed) > _FEW_ROWS or len(small) > _SMALL_MANIFEST
    return text(3) if is_large else small


def _head(label: Label, draft: Draft | Archive, least: int) -> dict[str, Any]:
    """What stands in the manifest before the entries: in the first format, which every firmware reads, wherever that will do,
    and at least in `least`."""
    about = asdict(label)
    schema = about.pop("schema")
    if schema == 1 and not draft.withheld and least == 1:
        return {"format": 1, **about, "removed": sorted(draft.removed)}
    return {
        "format": max(2, least), **about, "schema": schema,
        "removed": sorted(draft.removed), "withheld": sorted(draft.withheld),
    }  # fmt: skip


def refuse_excess(paths: int, size: int, manifest: int = 0, about: str = "") -> None:
    """Failure if so many paths and bytes, and bytes of the manifest among them, are more than can be read again. It ends with
    what else is to be said."""
    if size > LIMIT or manifest > MANIFEST_LIMIT or paths > ROWS:
        found = f"{paths} paths, {size / 2**20:.1f} MiB"
        raise Failure(
            f"too much to be saved: {found}; at most {ROWS} paths, {LIMIT >> 20} MiB{about}", "config changes"
        )


def read_label(file: BinaryIO, name: str = "the archive") -> Label:
    """What the archive in a file says about itself, out of its first bytes, for what needs no more than that: nothing is
    verified. Damaged if they say no such thing; NewerFormat, naming it, if a newer firmware made it."""
    try:
        start = file.read(tar.BLOCK)
        # Within a string a quote has a backslash before it, so nothing but the key itself looks like this.
        head, key, _ = file.read(min(tar.size(start), _HEAD_SIZE)).partition(b'"removed":')
        body = json.loads(head.rstrip(b", \n") + b"}") if key else {}
        return _label(body, name)
    except _MALFORMED as error:
        raise Damaged(f"its manifest is malformed: {error}") from None


def parse(data: bytes, name: str = "the archive") -> Archive:
    """The archive in `data`, if it is whole and nothing but what `build` makes. Damaged, saying why, if not; NewerFormat,
    naming it, if it is whole and a newer firmware made it."""
    digest = verify(data)
    try:
        return _parse(data, digest, name)
    except _MALFORMED as error:
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
    label = _label(head, name)
    if len(head["entries"]) + len(head["removed"]) > ROWS:
        raise ValueError(f"more than {ROWS} paths")
    items = {item.path: item for item in map(from_row, head["entries"])}
    removed = tuple(require_path(path) for path in head["removed"])
    withheld = tuple(require_path(path) for path in head["withheld"]) if head["format"] > 1 else ()
    _require_order(items, [row["path"] for row in head["entries"]], removed)
    return Archive(label, items, removed, "sha256:" + digest, data, _offsets(reader, items), withheld)


def _label(head: Mapping[str, Any], name: str) -> Label:
    if require_type(head["format"], int) > FORMAT:
        raise NewerFormat(name, head["format"], FORMAT)
    if head["format"] < 1:
        raise ValueError(f"it has format {head['format']}")
    schema = require_type(head["schema"], int) if head["format"] > 1 else 1
    if schema > SCHEMA:
        raise NewerFormat(name, schema, SCHEMA)
    if schema < 1:
        raise ValueError(f"its configuration has format {schema}")
    time, message, version, who = (require_type(head[key], str) for key in ("time", "message", "version", "who"))
    return Label(require_type(head["generation"], int), time, message, version, who, schema)


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


def _require_order(items: Mapping[str, Item], listed: Sequence[str], removed: Sequence[str]) -> None:
    """Every path once and in order, and nothing below something that is no directory."""
    for paths in (listed, removed):
        if not all(map(lt, paths, islice(paths, 1, None))):
            raise ValueError("the paths are not in order, or one is there twice")
    gone = set(removed)
    for path in gone & items.keys():
        raise ValueError(f"{path!r}: it is below {path!r}")
    for place, path in {path.rpartition("/")[0]: path for path in items}.items():
        for parent in ancestry(place):
            item = items.get(parent)
            if parent in gone or (item is not None and item.entry.kind != "dir"):
                raise ValueError(f"{path!r}: it is below {parent!r}")
            if item is not None:
                break  # what is above that is looked at with it


def _header(item: Item) -> bytes:
    entry = item.entry
    shared = _traits(entry.kind, entry.mode, (item.uid, item.gid), (entry.owner, entry.group), item.target)
    name = entry.path[1:] + "/" if entry.kind == "dir" else entry.path[1:]
    return tar.named_header(_encode(name), entry.size if entry.kind == "file" else 0, item.mtime, shared)


@lru_cache(maxsize=256)
def _traits(kind: str, mode: int, owners: tuple[int, int], owner_names: tuple[str, str], target: str) -> tar.Traits:
    owner, group = map(_encode, owner_names)
    return tar.traits(_TAR_KINDS[kind], mode, owners, (owner, group), _encode(target))


def _trailer(digest: str) -> bytes:
    line = digest.encode() + b"\n"
    return tar.header(tar.Member(TRAILER, size=len(line), mode=0o600)) + tar.pad_to_block(line) + bytes(2 * tar.BLOCK)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
