"""A proposal: what a push sends. On arrival it is checked as if an attacker had sent it.

It holds the service's block, the table of its files, those contents that the receiver may lack, and, for --force, the
state that the operator was shown. It names no path but such as lie below the directory that the service owns.
"""

import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from firmware import __version__, files, native
from firmware.errors import Refused
from firmware.http11.encoded import Encoded
from firmware.manifest import Entry
from firmware.printable import escape, quote_word, shorten
from firmware.rc import check, document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.services import catalog
from firmware.services.definition import Service
from firmware.sync import contents, versions
from firmware.sync.contents import Contents
from firmware.sync.message import DIGEST, MODE, PUSH, TITLE, Message

#: the most files of one service, bytes of one file, and bytes of all of them
MAX_FILES, MAX_FILE_BYTES, MAX_BYTES = 4096, 8 << 20, 16 << 20
#: characters of a block, and of any other text
MAX_BLOCK, MAX_TEXT = 65536, 4096
SMALLER = "keep what is large elsewhere, or copy it by other means"
FIELDS = {"service", "block", "entries", "contents", "expect", "dry"}
#: what version 2 of the peer API added
FIELDS_2 = {"protocol", "firmware", "push", "base", "confirm"}
ENTRY_FIELDS = {"path", "kind", "mode", "owner", "group", "size", "digest"}
#: seconds that a push may wait to be confirmed: the node that waits takes neither saves nor other pushes meanwhile
CONFIRM_SECONDS = (1, 3600)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One service as it shall be. `entries` are by absolute path; `contents` by digest.

    `expect` is the digest of the state that --force may overwrite ("" without --force); `dry` asks what would change.
    `push` names this very push, so that it can be sent again; `base` is the digest of what both nodes had last, as far as
    the pusher knows; `confirm` the seconds in which it has to be confirmed (0: it has not to be).
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

    @property
    def title(self) -> str:
        """The service's name with its instance."""
        return self.block.title

    def encode(self, protocol: int = versions.SPOKEN[1]) -> Encoded:
        """As it travels to a node that speaks that version. The contents are read and encoded while it is sent, one after the
        other: there is never more of them in memory than one file."""
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


def require_sendable(service: Service, entries: Mapping[str, Entry]) -> None:
    """Refuse, on the pushing side, what the receiver would refuse: links, devices, set-uid modes, too much."""
    _require_within_limits(service, entries)
    for entry in entries.values():
        _require_acceptable(service, entry, entry.path)


def parse(content: Mapping[str, Any]) -> Proposal:
    """A proposal from the wire; Refused with the reason for anything that a peer may not send."""
    message = Message(content, error=Refused)
    version = _require_common_version(message)
    _refuse_unknown_fields(content, FIELDS | FIELDS_2 if version > 1 else FIELDS, "the proposal")
    service, block = _parse_block(message.text("service", MAX_TEXT), message.text("block", MAX_BLOCK))
    entries: dict[str, Entry] = {}
    for entry in message.each("entries", lambda one, key: _parse_entry(service, one.part(key)), MAX_FILES):
        if entry.path in entries:
            raise Refused(f"{entry.path}: it stands twice in the proposal")
        entries[entry.path] = entry
    _require_within_limits(service, entries)
    _require_parents(service, entries)
    wanted = {entry.digest: entry.size for entry in entries.values()}
    return Proposal(
        service,
        block,
        dict(sorted(entries.items())),
        _parse_contents(message, wanted),
        message.token("expect", DIGEST, ""),
        message.flag("dry", False),
        message.token("push", PUSH, ""),
        message.token("base", DIGEST, ""),
        _parse_confirm(message),
    )


def _require_common_version(message: Message) -> int:
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


def _parse_entry(service: Service, item: Message) -> Entry:
    _refuse_unknown_fields(item.body, ENTRY_FIELDS, "an entry")
    name = item.text("path", MAX_TEXT)
    path = str(files.safe_join(Path(service.owns), name)) if service.owns else ""
    mode, size = item.text("mode", MAX_TEXT), item.body.get("size")
    if not MODE.fullmatch(mode) or type(size) is not int or abs(size) >= 1 << 53:
        raise Refused(f"{quote_word(name)}: its mode or size is malformed")
    kind, owner, group, digest = (item.text(key, MAX_TEXT) for key in ("kind", "owner", "group", "digest"))
    entry = Entry(path, kind, int(mode, 8), owner, group, size, digest)
    _require_acceptable(service, entry, name)
    return entry


def _require_acceptable(service: Service, entry: Entry, name: str) -> None:
    accounts = {"root", service.account.user}
    if entry.kind not in ("file", "dir"):
        kind = {"link": "a symbolic link"}.get(entry.kind, "neither file nor directory")
        raise Refused(f"{name}: it is {kind}, and only files and directories are synced", "put a file in its place")
    if entry.mode & 0o7000:
        raise Refused(
            f"{name}: mode {entry.mode:04o} has a set-uid, set-gid or sticky bit",
            f"chmod {entry.mode & 0o777:04o} {name}",
        )
    if entry.owner not in accounts or entry.group not in accounts:
        allowed = " or ".join(sorted(accounts))
        raise Refused(
            f"{name}: it belongs to {shorten(f'{entry.owner}:{entry.group}', 100)}, not to {allowed}",
            f"chown {service.account.user} {name}",
        )
    if entry.kind == "dir" and _may_write(service.account.user, entry):
        raise Refused(
            f"{name}: {service.account.user} could exchange what lies in it, and root looks there",
            f"chown root:{service.account.user} {name} && chmod 750 {name}",
        )
    if entry.kind == "file" and not DIGEST.fullmatch(entry.digest):
        raise Refused(f"{name}: its digest is malformed")
    if entry.kind == "dir" and (entry.digest or entry.size):
        raise Refused(f"{name}: a directory has neither digest nor size")
    if not 0 <= entry.size <= MAX_FILE_BYTES:
        raise Refused(f"{name}: {entry.size} bytes; at most {MAX_FILE_BYTES} are synced", SMALLER)


def _may_write(account: str, entry: Entry) -> bool:
    """May an account that is not root write there, by itself or once it has changed the mode?"""
    owns, in_group = entry.owner == account != "root", entry.group == account != "root"
    return owns or bool(entry.mode & (0o022 if in_group else 0o002))


def _require_within_limits(service: Service, entries: Mapping[str, Entry]) -> None:
    if entries and not service.owns:
        raise Refused(f"service {service.name}: it owns no files")
    if len(entries) > MAX_FILES:
        raise Refused(
            f"service {service.name}: {len(entries)} files; at most {MAX_FILES} are synced; "
            f"the most are in {_fullest_directory(entries)}",
            SMALLER,
        )
    total = sum(entry.size for entry in entries.values())
    if total > MAX_BYTES:
        largest = max(entries.values(), key=lambda entry: entry.size)
        raise Refused(
            f"service {service.name}: {total} bytes; at most {MAX_BYTES} are synced; "
            f"the largest file is {escape(largest.path)}, {largest.size} bytes",
            SMALLER,
        )


def _fullest_directory(entries: Mapping[str, Entry]) -> str:
    """The directory in which the most files are, and how many."""
    counts: dict[str, int] = {}
    for path in entries:
        place = path.rpartition("/")[0]
        counts[place] = counts.get(place, 0) + 1
    place = max(counts, key=lambda name: counts[name])
    return f"{escape(place)}, {counts[place]}"


def _require_parents(service: Service, entries: Mapping[str, Entry]) -> None:
    for path in entries:
        parent = str(PurePosixPath(path).parent)
        if parent != service.owns and (parent not in entries or entries[parent].kind != "dir"):
            raise Refused(f"{path}: its directory is not in the proposal")


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


def _refuse_unknown_fields(content: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(set(content) - known):
        raise Refused(f"{what}: unknown field {quote_word(unknown[0])}")
