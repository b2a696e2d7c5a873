"""What a peer saved, as it tells it."""

from dataclasses import asdict, dataclass
from typing import Any

from firmware.sync.message import SHA256, Message

#: the most paths of each kind, and notes, that are taken of it
MAX_PATHS, MAX_NOTES = 20_000, 50


@dataclass(frozen=True, slots=True)
class PeerSave:
    """The generation that the peer saved, and the paths in it that were not saved before. Not `fresh`: it had all of it."""

    generation: int
    digest: str
    time: str
    message: str
    version: str
    who: str
    fresh: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """As `csync save --json` prints it."""
        return asdict(self)


def parse(message: Message) -> PeerSave:
    """What the peer answered. One of an older version says neither `fresh` nor `notes`."""
    time, text, version, who = (message.words(key, "") for key in ("time", "message", "version", "who"))
    added, changed, removed = (
        message.each(key, Message.path, MAX_PATHS, cut=True) for key in ("added", "changed", "removed")
    )
    return PeerSave(
        message.number("generation"), message.token("digest", SHA256), time, text, version, who,
        message.flag("fresh", True), added, changed, removed,
        message.each("notes", Message.words, MAX_NOTES, cut=True, absent=()),
    )  # fmt: skip
