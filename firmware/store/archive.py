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
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from firmware import files, native
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.store import tar
from firmware.store.places import ETC

FORMAT = 1
#: bytes that an archive may have, bytes of its manifest, and rows in it
LIMIT, MANIFEST_LIMIT, ROWS = 64 * 2**20, 8 * 2**20, 20_000
MANIFEST, TRAILER = b"manifest.json", b"SHA256"
#: the bytes of the last member and of the end of the tar
TRAILER_SIZE = 4 * tar.BLOCK

_NAME = re.compile(r"[^\0/:\n]{1,64}")
_DIGEST = re.compile(r"xxh3-128:[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Item:
    """A path with all that is saved of it besides a file's bytes: its entry, the numbers of its owners, the time of a
    file's last change (whole seconds since 1970), a link's target."""

    entry: Entry
    uid: int
    gid: int
    mtime: int
    target: str

    @property
    def path(self) -> str:
        """Its path, `/etc/…`."""
        return self.entry.path


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
    rows = [_row(draft.items[path]) for path in sorted(draft.items)]
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


def parse(data: bytes) -> Archive:
    """The archive in `data`, if it is whole and nothing but what `build` makes; Failure, saying why, if not."""
    digest = verify(data)
    try:
        return _parse(data, digest)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise Failure(f"its manifest is malformed: {error}") from None


def verify(data: bytes) -> str:
    """The SHA-256 in hex of a whole archive; Failure if a byte is wrong or missing."""
    if len(data) > LIMIT:
        raise Failure(f"it is larger than {LIMIT >> 20} MiB")
    if len(data) < TRAILER_SIZE + 2 * tar.BLOCK or len(data) % tar.BLOCK:
        raise Failure(f"it is not whole: {len(data)} bytes")
    digest = hashlib.sha256(memoryview(data)[:-TRAILER_SIZE]).hexdigest()
    if data[-TRAILER_SIZE:] != _trailer(digest):
        raise Failure("its SHA-256 does not match")
    return digest


def _parse(data: bytes, digest: str) -> Archive:
    size = tar.size(data[: tar.BLOCK])
    if not 0 < size <= MANIFEST_LIMIT:
        raise ValueError(f"it has {size} bytes")
    reader = _Reader(data)
    reader.expect(tar.header(tar.Member(MANIFEST, size=size, mode=0o600)), "manifest.json")
    start = reader.skip(size, "manifest.json")
    head = json.loads(data[start : start + size])
    if head["format"] != FORMAT:
        raise Failure(f"it has format {head['format']!r}, this firmware knows {FORMAT}", "upgrade this node")
    label = Label(**{field.name: _typed(head[field.name], field.type) for field in fields(Label)})
    if len(head["entries"]) + len(head["removed"]) > ROWS:
        raise ValueError(f"more than {ROWS} paths")
    items = {item.path: item for item in map(_item, head["entries"])}
    removed = tuple(_path(path) for path in head["removed"])
    _check_order(items, [row["path"] for row in head["entries"]], removed)
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


def _row(item: Item) -> dict[str, Any]:
    return {**asdict(item.entry), "uid": item.uid, "gid": item.gid, "mtime": item.mtime, "target": item.target}


def _item(row: dict[str, Any]) -> Item:
    if row.keys() != _COLUMNS.keys():
        raise ValueError(f"a row has the columns {', '.join(sorted(map(str, row)))}")
    told = {name: _typed(row[name], kind) for name, kind in _COLUMNS.items()}
    item = Item(Entry(**{field.name: told[field.name] for field in fields(Entry)}), *(told[name] for name in _NUMBERS))
    problem = _problem(item)
    if problem:
        raise ValueError(f"{item.path!r}: {problem}")
    return item


def _problem(item: Item) -> str:
    """What is wrong with a row by itself; "" if nothing is."""
    entry, target = item.entry, item.target.encode("utf-8", "surrogateescape")
    _path(entry.path)
    if entry.kind not in ("file", "dir", "link"):
        return f"a {entry.kind} cannot be saved"
    if not (
        0 <= entry.mode <= 0o7777
        and 0 <= item.uid < 2**32 - 1
        and 0 <= item.gid < 2**32 - 1
        and 0 <= item.mtime < 2**33
    ):
        return "a number is out of range"
    if not (_NAME.fullmatch(entry.owner) and _NAME.fullmatch(entry.group)):
        return "an owner's name is malformed"
    if (entry.kind == "link") != bool(target) or b"\0" in target or len(target) > 4095:
        return "the target of a link is malformed"
    if entry.kind == "link":
        return "" if (entry.size, entry.digest) == (len(target), native.bytes_digest(target)) else "it is another link"
    if entry.kind == "dir":
        return "" if (entry.size, entry.digest) == (0, "") else "a directory has no size"
    return "" if 0 <= entry.size <= LIMIT and _DIGEST.fullmatch(entry.digest) else "size or digest is malformed"


def _check_order(items: Mapping[str, Item], listed: list[str], removed: tuple[str, ...]) -> None:
    """Every path once and in order, and nothing below something that is no directory."""
    for paths in (listed, list(removed)):
        if paths != sorted(set(paths)):
            raise ValueError("the paths are not in order, or one is there twice")
    gone = set(removed)
    for path in items:
        for parent in _and_parents(path):
            if parent in gone or (parent != path and parent in items and items[parent].entry.kind != "dir"):
                raise ValueError(f"{path!r}: it is below {parent!r}")


def _and_parents(path: str) -> Iterator[str]:
    while path != str(ETC):
        yield path
        path = path.rpartition("/")[0]


def _path(path: str) -> str:
    """`path`, if it is a path below /etc in its plain form."""
    if not _typed(path, str).startswith(f"{ETC}/"):
        raise ValueError(f"{path[:60]!r}: not a path below {ETC}")
    return str(files.below(ETC, path[len(f"{ETC}/") :]))


def _header(item: Item) -> bytes:
    entry, kind = item.entry, {"file": b"0", "dir": b"5", "link": b"2"}[item.entry.kind]
    name = entry.path[1:] + ("/" if entry.kind == "dir" else "")
    return tar.header(
        tar.Member(
            _raw(name), kind, entry.size if entry.kind == "file" else 0, entry.mode, item.mtime,
            (item.uid, item.gid), (_raw(entry.owner), _raw(entry.group)), _raw(item.target),
        )
    )  # fmt: skip


def _trailer(digest: str) -> bytes:
    line = digest.encode() + b"\n"
    return tar.header(tar.Member(TRAILER, size=len(line), mode=0o600)) + tar.padded(line) + bytes(2 * tar.BLOCK)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _typed(value: Any, kind: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.60} is not a {kind.__name__}")
    return value


_NUMBERS = {"uid": int, "gid": int, "mtime": int, "target": str}
_COLUMNS: dict[str, Any] = {**{field.name: field.type for field in fields(Entry)}, **_NUMBERS}
