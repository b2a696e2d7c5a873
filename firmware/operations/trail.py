"""The audit trail: what was pushed, saved or refused, here and from the peer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firmware.sync import audit
from firmware.sync.audit import Who

_HEAD = ("time", "event", "result", "who", "from", "key")


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """What happened, when (seconds since the epoch), how it ended, and who did it; `details` depend on the event."""

    time: float
    event: str
    result: str
    who: Who
    details: Mapping[str, Any]
    line: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """One element of what `csync log --json` prints."""
        return dict(self.line)


@dataclass(frozen=True, slots=True)
class Trail:
    """What happened, oldest first; and what of the trail could not be read, in words."""

    entries: tuple[TrailEntry, ...]
    problems: tuple[str, ...]


def read() -> Trail:
    """The whole trail, as far as it can be read."""
    trail = audit.read()
    return Trail(tuple(_entry(line) for line in trail.entries), trail.problems)


def _entry(line: Mapping[str, Any]) -> TrailEntry:
    details = {key: value for key, value in line.items() if key not in _HEAD}
    event, result, *who = (str(line.get(key, "")) for key in ("event", "result", "who", "from", "key"))
    return TrailEntry(float(line["time"]), event, result, Who(*who), details, line)
