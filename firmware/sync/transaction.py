"""A transaction: one push on its way into a service, from the moment before its swap until nothing of it is open.

It lies in the stage's journal, and its phase says what has to be done by whoever finds it there: `armed`, undo it;
`waiting`, undo it unless it is confirmed before its deadline; `done`, complete it. A phase begins with one durable write.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from firmware import files
from firmware.sync.audit import Who

STAGING = Path("/etc/.staging")


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is needed to undo or to complete a push. `block`, `existed`, `inode` (of the owned directory), `applied` (a
    digest) and `sha256` tell how the service was before; `report` what the pusher is told, and `files` are the digests of
    what was pushed. `deadline` is on the clock that counts from the machine's start, in seconds."""

    phase: str
    title: str
    push: str
    peer: int
    who: Who
    block: str
    existed: bool
    inode: int
    applied: str
    sha256: str
    confirm: int = 0
    deadline: float = 0.0
    report: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def seconds_left(self) -> float:
        """Seconds until it is undone unless it is confirmed; 0 when that time is over."""
        return max(0.0, self.deadline - boot_clock()) if self.phase == "waiting" else 0.0


def boot_clock() -> float:
    """Seconds since the machine started; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def write(found: Transaction, journal: Path) -> None:
    """Note it. What the phase says holds from here on, whatever happens."""
    files.write(journal, json.dumps(asdict(found)).encode(), mode=0o600)


def read(journal: Path) -> Transaction | None:
    """The transaction that is open there; None if none is."""
    try:
        kept = json.loads(journal.read_bytes())
    except FileNotFoundError:
        return None
    return Transaction(**{**kept, "who": Who(**kept["who"]), "files": tuple(kept["files"])})


def is_open(title: str, top: Path = STAGING) -> bool:
    """Has the service an open transaction?"""
    return (top / title / "journal").exists()


def open_titles(top: Path = STAGING) -> list[str]:
    """The services that have an open transaction."""
    return sorted(path.parent.name for path in top.glob("*/journal"))


def find_waiting(top: Path = STAGING) -> Transaction | None:
    """The one that waits to be confirmed; there is never more than one."""
    found = (read(path) for path in sorted(top.glob("*/journal")))
    return next((one for one in found if one and one.phase == "waiting"), None)
