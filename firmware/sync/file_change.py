"""A path that a push changes, as the receiver tells the pusher."""

from dataclasses import dataclass
from typing import Any

from firmware.printable import shorten
from firmware.sync.message import DIGEST, MODE, Message

KINDS = ("added", "changed", "removed")
#: characters of one difference that are taken
MAX_DIFF = 2_000_000


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What lies at a path: the digest ("" for a directory), the mode as four octal digits, owner and group, bytes."""

    digest: str
    mode: str
    owner: str
    size: int

    def json(self) -> dict[str, Any]:
        """`before` or `after` of one of `files`."""
        return {"digest": self.digest, "mode": self.mode, "owner": self.owner, "size": self.size}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that is added, changed or removed; before and after are None where there is no such path, `diff` is None where
    nothing may be shown."""

    path: str
    change: str
    before: FileFacts | None = None
    after: FileFacts | None = None
    diff: str | None = None

    def json(self) -> dict[str, Any]:
        """One of `files` in a push report."""
        facts = {"before": self.before and self.before.json(), "after": self.after and self.after.json()}
        return {"path": self.path, "change": self.change, **facts, "diff": self.diff}


def parse(message: Message) -> FileChange:
    """The change that a message says."""
    change = message.name("change")
    if change not in KINDS:
        raise message.complaint("change")
    before, after = (message.optional(key, _parse_facts) for key in ("before", "after"))
    diff = None if message.body.get("diff") is None else shorten(message.text("diff", 1 << 25), MAX_DIFF)
    return FileChange(message.path("path"), change, before, after, diff)


def parse_each(message: Message, most: int) -> tuple[FileChange, ...]:
    """The changes that `files` of a message lists."""
    return message.each("files", lambda one, key: parse(one.part(key)), most)


def _parse_facts(message: Message) -> FileFacts:
    mode = message.token("mode", MODE) or None
    if mode is None:
        raise message.complaint("mode")
    return FileFacts(
        message.token("digest", DIGEST), mode, message.name("owner", 130), message.number("size", 0, 1 << 53)
    )
