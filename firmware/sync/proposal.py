"""A proposal: what a push sends. On arrival it is checked as if an attacker had sent it.

It holds the service's block, the table of its files, those contents that the receiver may lack, and, for --force, the
state that the operator was shown. It names no path but such as lie below the directory that the service owns.
"""

import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from sys import intern
from typing import Any

from firmware import __version__, files, native
from firmware.errors import Refused
from firmware.http11.encoded import Encoded
from firmware.manifest import Entry
from firmware.printable import quote_word
from firmware.rc import check, document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.services import catalog
from firmware.services.definition import Service
from firmware.sync import acceptable, contents, versions
from firmware.sync.acceptable import Limits
from firmware.sync.contents import Contents
from firmware.sync.message import DIGEST, MODE, PUSH, TITLE, Message

#: characters of a block, and of any other text
MAX_BLOCK, MAX_TEXT = 65536, 4096
FIELDS = {"service", "block", "entries", "contents", "expect", "dry"}
#: what version 2 of the peer API added
FIELDS_2 = {"protocol", "firmware", "push", "base", "confirm"}
ENTRY_FIELDS = {"path", "kind", "mode", "owner", "group", "size", "digest"}
#: seconds that a push may wait to be confirmed: the node that waits takes neither saves nor other pushes meanwhile
CONFIRM_SECONDS = (1, 3600)


@dataclass(frozen=True, slots=True)
class Difference:
    """To the content of which digest a proposal is a difference, what is removed from it, and the digest of what it becomes."""

    against: str
    removed: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """One service as it shall be. `entries` are by absolute path; `contents` by digest.

    `expect` is the digest of the state that --force may overwrite ("" without --force); `dry` asks what would change.
    `push` names this very push, so that it can be sent again; `base` is the digest of what both nodes had last, as far as
    the pusher knows; `confirm` the seconds in which it has to be confirmed (0: it has not to be). `difference` is None unless
    it has just arrived as one: `entries` are then only those that differ. `state` is the digest of block and entries, "" where
    it was not worked out yet.
    """

    service: Service
    block: Block
    entries: Mapping[str, Entry]
    contents: Contents
    expect: str = ""
    dry: bool = False
    push: str = ""
    base: str = ""
    confirm: int = 0
    difference: Difference | None = None
    state: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """The service's name with its instance."""
        return self.block.title

    def encode(self, protocol: int = 2) -> Encoded:
        """As it travels to a node that speaks version 1 or 2 of the peer API (`proposal_body` has the later ones). The contents
        are read and encoded while it is sent, one after the other: there is never more of them in memory than one file."""
        message = self._json_of_version_1()
        if protocol >= 2:
            message |= {"protocol": protocol, "firmware": __version__}
            message |= {"push": self.push, "base": self.base, "confirm": self.confirm}
        head = json.dumps(message).encode()[:-1] + b', "contents": {'
        sizes = {entry.digest: entry.size for entry in self.entries.values()}
        names = {digest: b'%s"%s": "' % (b", " * (at > 0), digest.encode()) for at, digest in enumerate(self.contents)}

        def pieces() -> Iterator[bytes]:
            yield head
            for digest, name in names.items():
                yield name
                yield from contents.base64_pieces(self.contents[digest])
                yield b'"'
            yield b"}}"

        size = sum(len(name) + contents.base64_size(sizes[digest]) + 1 for digest, name in names.items())
        return Encoded(len(head) + size + 2, pieces)

    def _json_of_version_1(self) -> dict[str, Any]:
        top = PurePosixPath(self.service.owns or "/")
        entries = [
            {
                "path": str(PurePosixPath(entry.path).relative_to(top)), "kind": entry.kind, "mode": f"{entry.mode:04o}",
                "owner": entry.owner, "group": entry.group, "size": entry.size, "digest": entry.digest,
            }
            for entry in self.entries.values()
        ]  # fmt: skip
        return {
            "service": self.title, "block": self.block.text, "entries": entries,
            "expect": self.expect, "dry": self.dry,
        }  # fmt: skip


def parse(content: Mapping[str, Any]) -> Proposal:
    """A proposal of version 1 or 2 from the wire; Refused with the reason for anything that a peer may not send."""
    message = Message(content, error=Refused)
    version = require_common_version(message)
    refuse_unknown_fields(content, FIELDS | FIELDS_2 if version > 1 else FIELDS, "the proposal")
    offer = parse_head(message)
    entries: dict[str, Entry] = {}
    limits = acceptable.OLDER
    for entry in message.each(
        "entries", lambda one, key: parse_entry(offer.service, one.part(key), limits), limits.files
    ):
        if entry.path in entries:
            raise Refused(f"{entry.path}: it stands twice in the proposal")
        entries[entry.path] = entry
    acceptable.require_whole(offer.service, entries, limits)
    wanted = {entry.digest: entry.size for entry in entries.values()}
    return replace(offer, entries=dict(sorted(entries.items())), contents=_parse_contents(message, wanted))


def parse_head(message: Message) -> Proposal:
    """All of a proposal but its entries and their contents."""
    service, block = _parse_block(message.text("service", MAX_TEXT), message.text("block", MAX_BLOCK))
    return Proposal(
        service,
        block,
        {},
        {},
        message.token("expect", DIGEST, ""),
        message.flag("dry", False),
        message.token("push", PUSH, ""),
        message.token("base", DIGEST, ""),
        _parse_confirm(message),
    )


def require_common_version(message: Message) -> int:
    """The version of the peer API in which it is written; Refused if this node does not speak that."""
    number = message.number("protocol", absent=1)
    theirs = versions.Versions(message.words("firmware", "?", 40), (number, number))
    if wrong := versions.version_mismatch(versions.Versions(__version__), theirs):
        raise Refused(wrong, "install the same version on both nodes")
    return number


def _parse_confirm(message: Message) -> int:
    low, high = CONFIRM_SECONDS
    value = message.body.get("confirm", 0)
    if type(value) is not int or not (value == 0 or low <= value <= high):
        raise Refused(
            f"confirm: not a number of seconds from {low} to {high}",
            f"push with --confirm {high}, or less, or without it",
        )
    return value


def _parse_block(title: str, text: str) -> tuple[Service, Block]:
    name = Title.parse(title).service
    service = catalog.find(name) if name in catalog.names() and TITLE.fullmatch(title) else None
    if service is None:
        raise Refused(f"service {quote_word(title)}: this node knows no such service")
    if service.node_specific:
        raise Refused(f"service {title}: it is this node's own: {service.node_specific}")
    parsed = document.parse(text, f"{title} (from the peer)")
    blocks = [block for block in parsed.blocks if block.statements]
    if len(blocks) != 1 or blocks[0].title != title or blocks[0].text.strip() != text.strip():
        raise Refused(f"the block: it is not one block of service {title}")
    if problems := [*check.peer_problems(blocks[0], service), *check.block_problems(blocks[0], service, parsed.path)]:
        raise Refused("the block: " + "; ".join(problems))
    return service, blocks[0]


def parse_entry(service: Service, item: Message, limits: Limits = acceptable.LIMITS) -> Entry:
    """An entry of a proposal; Refused if no peer may send it."""
    refuse_unknown_fields(item.body, ENTRY_FIELDS, "an entry")
    name = item.text("path", MAX_TEXT)
    path = str(files.safe_join(Path(service.owns), name)) if service.owns else ""
    mode, size = item.text("mode", MAX_TEXT), item.body.get("size")
    if not MODE.fullmatch(mode) or type(size) is not int or abs(size) >= 1 << 53:
        raise Refused(f"{quote_word(name)}: its mode or size is malformed")
    kind, owner, group = (intern(item.text(key, MAX_TEXT)) for key in ("kind", "owner", "group"))
    digest = item.text("digest", MAX_TEXT)
    entry = Entry(path, kind, int(mode, 8), owner, group, size, digest)
    acceptable.require_acceptable(service, entry, name, limits)
    return entry


def _parse_contents(message: Message, wanted: Mapping[str, int]) -> dict[str, bytes]:
    sent = message.part("contents") if "contents" in message.body else Message({})
    found = {}
    for digest, text in sent.body.items():
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except (TypeError, ValueError):
            raise Refused(f"contents: {quote_word(digest)} is not base64") from None
        if digest not in wanted:
            raise Refused(f"contents: {quote_word(digest)} belongs to no file of the proposal")
        if native.bytes_digest(data) != digest:
            raise Refused(f"contents: what was sent as {digest} has another digest")
        if len(data) != wanted[digest]:
            raise Refused(f"contents: {digest} has {len(data)} bytes, and not as many as its file shall have")
        found[digest] = data
    return found


def refuse_unknown_fields(content: Mapping[str, Any], known: set[str], what: str) -> None:
    """Refused if it has others: they would mean something that this node does not do."""
    if unknown := sorted(set(content) - known):
        raise Refused(f"{what}: unknown field {quote_word(unknown[0])}")
