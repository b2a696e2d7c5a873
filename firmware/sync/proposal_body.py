"""A proposal as it travels from version 3 of the peer API on: as blocks (`firmware.blocks`), with nothing in base64.

They hold the head, four bytes with its length before it, which is JSON; then the table of entries, a line of JSON for each; then
the contents, one after the other in the order of the lines. A line is a list: path, kind, mode, owner, group, size, digest, and
a true at its end if the content of that digest comes with it, or a list if it is a delta (`firmware.rsync`): its bytes, and the
digest of the file of the receiver that it is a delta to; or only the path of what is removed.

Where the pusher knows what the receiver has, it sends the difference to that, with the digest of what it is a difference to. A
receiver that has something else asks for everything. So what is the same already takes a digest, and no entries.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from firmware import __version__, blocks
from firmware.blocks import Blocks
from firmware.errors import Refused
from firmware.http11.encoded import Encoded
from firmware.http11.json_body import parse_body
from firmware.manifest import Entry
from firmware.services import content
from firmware.services.content import Content
from firmware.sync import acceptable, contents, deltas, proposal
from firmware.sync.block_contents import BlockContents, Place
from firmware.sync.deltas import Delta
from firmware.sync.message import DIGEST, Message
from firmware.sync.progress import WAITING, Progress, Tell, tell_nobody
from firmware.sync.proposal import Difference, Proposal
from firmware.sync.synced import Known
from firmware.sync.versions import Speech

#: bytes of a head, of a line of the table, and of all lines
MAX_HEAD, MAX_LINE, MAX_TABLE = 1 << 19, 1 << 15, 1 << 24
#: bytes of a proposal that is encoded at once, so that its length is known before it is sent
SMALL = 1 << 16
FIELDS = {*proposal.FIELDS, *proposal.FIELDS_2, "against", "state"} - {"contents"}
ENTRY = ("path", "kind", "mode", "owner", "group", "size", "digest")
_LINES_AT_ONCE = 256
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class _Table:
    """The lines of the table, and of each content that follows it the delta as which it is sent, None where it is sent whole; how
    many bytes these are together."""

    lines: list[bytes] = field(default_factory=list)
    contents: dict[str, Delta | None] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all lines, with what divides them."""
        return sum(map(len, self.lines)) + max(0, len(self.lines) - 1)

    def pieces(self) -> Iterator[bytes]:
        """All lines, some at a time."""
        for start in range(0, len(self.lines), _LINES_AT_ONCE):
            yield b"\n" * (start > 0) + b"\n".join(self.lines[start : start + _LINES_AT_ONCE])


def encode(offer: Proposal, known: Known | None, speech: Speech, tell: Tell = tell_nobody) -> Encoded:
    """A proposal, or the difference to what is known. Contents are read and compressed while it is sent, and how far that is is
    told."""
    rows = _table(offer, known)
    state = offer.state or content.digest(offer.block, offer.entries)
    head = json.dumps(
        {
            "protocol": speech.version, "firmware": __version__, "service": offer.title, "block": offer.block.text,
            "entries": rows.size, "expect": offer.expect, "dry": offer.dry, "push": offer.push, "base": offer.base,
            "confirm": offer.confirm, "against": known.digest if known else "", "state": state,
        }
    ).encode("ascii")  # fmt: skip

    def pieces() -> Iterator[bytes]:
        yield _LENGTH.pack(len(head)) + head
        yield from rows.pieces()
        yield from _content_pieces(rows, offer, tell)

    if len(head) + rows.size + sum(rows.sizes) > SMALL:
        return Encoded(None, lambda: blocks.encode(pieces(), speech.compression), blocks.TYPE)
    body = b"".join(blocks.encode(pieces(), speech.compression))
    return Encoded(len(body), lambda: iter([body]), blocks.TYPE)


def _content_pieces(rows: _Table, offer: Proposal, tell: Tell) -> Iterator[bytes]:
    """The contents, each piece told once it is on its way."""
    at = Progress(0, sum(rows.sizes), 0, len(rows.sizes))
    whole = contents.reader(offer.contents)
    for digest, delta in rows.contents.items():
        for piece in delta.pieces() if delta else whole(digest):
            yield piece
            at = replace(at, bytes=at.bytes + len(piece))
            tell(at)
        at = replace(at, files=at.files + 1)
    tell(replace(at, phase=WAITING))


def _table(offer: Proposal, known: Known | None) -> _Table:
    there = known.entries if known else {}
    top = PurePosixPath(offer.service.owns or "/")
    table = _Table()
    for path, entry in offer.entries.items():
        if there.get(path) == entry:
            continue
        name = str(PurePosixPath(path).relative_to(top))
        facts = [name, entry.kind, f"{entry.mode:04o}", entry.owner, entry.group, entry.size, entry.digest]
        if entry.kind == "file" and entry.digest in offer.contents and entry.digest not in table.contents:
            facts.append(_add_content(table, offer, entry, known, there.get(path)))
        table.lines.append(json.dumps(facts, separators=(",", ":")).encode("ascii"))
    gone = (path for path in there if path not in offer.entries)
    table.lines.extend(json.dumps([str(PurePosixPath(path).relative_to(top))]).encode("ascii") for path in gone)
    return table


def _add_content(table: _Table, offer: Proposal, entry: Entry, known: Known | None, old: Entry | None) -> Any:
    """Have the content of an entry follow the table; returns what its line says of that."""
    delta = deltas.make(offer.contents, entry, known, old) if known and old else None
    table.contents[entry.digest] = delta
    if delta is None or old is None:
        table.sizes.append(entry.size)
        return True
    table.sizes.append(delta.size)
    return [delta.size, old.digest]


def parse(found: Blocks) -> Proposal:
    """A proposal, or the difference that it arrived as; Refused with the reason for anything that a peer may not send."""
    size = _LENGTH.unpack(found.read(0, _LENGTH.size))[0]
    if size > MAX_HEAD:
        raise Refused(f"the proposal: its head is longer than {MAX_HEAD} bytes")
    head = parse_body(bytearray(found.read(_LENGTH.size, size)))
    message = Message(head, error=Refused)
    if proposal.require_common_version(message) < 3:
        raise Refused("the proposal: version 1 and 2 of the peer API have no blocks")
    proposal.refuse_unknown_fields(head, FIELDS, "the proposal")
    offer, start = proposal.parse_head(message), _LENGTH.size + size
    length = message.number("entries", 0, MAX_TABLE)
    entries, removed, sizes = _parse_table(offer, found.pieces(start, length))
    against, state = message.token("against", DIGEST), message.token("state", DIGEST)
    sent = BlockContents(found, _places(found, start + length, sizes), offer.service.owns)
    return replace(offer, entries=entries, contents=sent, difference=Difference(against, tuple(removed), state))


def _parse_table(offer: Proposal, text: Iterator[bytes]) -> tuple[dict[str, Entry], list[str], dict[str, Place]]:
    """The entries by path, the paths of what is removed, and the contents that come, by digest, as they come."""
    entries, removed, sizes = dict[str, Entry](), list[str](), dict[str, Place]()
    for line in _lines(text):
        words = _parse_line(line)
        entry = proposal.parse_entry(
            offer.service,
            Message(dict(zip(ENTRY, words if len(words) > 1 else [*words, *_REMOVED], strict=False)), error=Refused),
        )
        if entry.path in entries or len(entries) + len(removed) >= 2 * acceptable.LIMITS.files:
            raise Refused(f"{entry.path}: it stands twice in the proposal, or is one too many")
        if len(words) == 1:
            removed.append(entry.path)
            continue
        entries[entry.path] = entry
        if len(words) == len(ENTRY) + 1:
            if entry.kind != "file" or entry.digest in sizes:
                raise Refused(f"contents: {entry.digest} comes twice, or is none of a file")
            sizes[entry.digest] = _parse_place(entry, words[-1])
    return entries, removed, sizes


#: what stands for the rest of a line that only names a path
_REMOVED = ("dir", "0700", "root", "root", 0, "")


def _parse_line(line: bytes) -> list[Any]:
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or len(words) not in (1, len(ENTRY), len(ENTRY) + 1):
        raise Refused("the proposal: a line of its table is malformed")
    return words


def _parse_place(entry: Entry, word: Any) -> Place:
    """How a content comes: true for itself, or a list with the bytes of a delta and the digest of the file that it is one to."""
    if word is True:
        return Place(0, entry.size, entry.size)
    length, old = word if isinstance(word, list) and len(word) == 2 else (None, None)
    if type(length) is not int or not 0 < length <= entry.size or not isinstance(old, str) or not DIGEST.fullmatch(old):
        raise Refused("the proposal: a line of its table is malformed")
    return Place(0, length, entry.size, old)


def _lines(text: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for piece in text:
        *whole, held = (held + piece).split(b"\n")
        if len(held) > MAX_LINE or any(len(line) > MAX_LINE for line in whole):
            raise Refused(f"the proposal: a line of its table is longer than {MAX_LINE} bytes")
        yield from whole
    if held:
        yield held


def _places(found: Blocks, start: int, sent: Mapping[str, Place]) -> dict[str, Place]:
    """Where each content begins; Refused unless they are all that there is yet."""
    places = {}
    for digest, place in sent.items():
        places[digest] = replace(place, start=start)
        start += place.length
    if start != found.size:
        raise Refused("contents: they are not as many bytes as their files shall have")
    return places


def complete(offer: Proposal, now: Content) -> Proposal | None:
    """The whole proposal, where what arrived is a difference to what is here now; None if it is one to something else. Refused
    if it does not become what it says, or what no service may have."""
    if (difference := offer.difference) is None:
        return offer
    if difference.against not in ("", now.digest):
        return None
    if isinstance(offer.contents, BlockContents):
        here = {entry.digest: path for path, entry in now.entries.items() if entry.kind == "file"}
        offer = replace(offer, contents=replace(offer.contents, here=here))
    kept = _kept_entries(offer, difference, now) if difference.against else {}
    whole = replace(offer, entries=dict(sorted({**kept, **offer.entries}.items())), difference=None)
    acceptable.require_whole(offer.service, whole.entries)
    if content.digest(whole.block, whole.entries) != difference.state:
        raise Refused("the proposal: it does not become what its digest says")
    return replace(whole, state=difference.state)


def _kept_entries(offer: Proposal, difference: Difference, now: Content) -> dict[str, Entry]:
    """What is here and stays as it is; Refused if a peer could not have sent it."""
    gone = offer.entries.keys() | set(difference.removed)
    kept = {path: entry for path, entry in now.entries.items() if path not in gone}
    for path, entry in kept.items():
        acceptable.require_acceptable(offer.service, entry, path)
    return kept
