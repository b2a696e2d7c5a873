"""A transaction: one push on its way into a service, from the moment before its swap until nothing of it is open.

It lies in the stage's journal, and its phase says what has to be done by whoever finds it there: `armed`, undo it;
`waiting`, undo it unless it is confirmed before its deadline; `done`, complete it. A phase begins with one durable write.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.errors import Damaged, Failure, system_hint
from firmware.sync import push_report
from firmware.sync.audit import Who
from firmware.sync.message import Message

STAGING = Path("/etc/.staging")
FORMAT = 1
PHASES = ("armed", "waiting", "done")
_TYPES: dict[str, tuple[type, ...]] = {
    "phase": (str,), "title": (str,), "push": (str,), "peer": (int,), "who": (dict,), "block": (str,), "existed": (bool,),
    "inode": (int,), "applied": (str,), "sha256": (str,), "confirm": (int,), "deadline": (int, float), "report": (dict,),
    "files": (list,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is needed to undo or to complete a push. `block`, `existed`, `inode` (of the owned directory), `applied` (a
    digest) and `sha256` tell how the service was before; `report` what the pusher is told (while it is armed, the `state` and
    the `block` that are pushed), and `files` are the digests of what was pushed. `deadline` is on the clock that counts from
    the machine's start, in seconds."""

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


def write(transaction: Transaction, journal: Path) -> None:
    """Note it. What the phase says holds from here on, whatever happens."""
    files.write(journal, records.dump(_facts(transaction), FORMAT), mode=0o600)


def _facts(of: Transaction) -> dict[str, Any]:
    """All fields; what is in them is not copied."""
    return {name: getattr(of, name) for name in Transaction.__slots__} | {"who": asdict(of.who)}


def read(journal: Path) -> Transaction | None:
    """The transaction that is open there; None if none is. Damaged, NewerFormat or another Failure if it cannot be read:
    what it asks for is not known then, and the service has to be left alone."""
    try:
        data = journal.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"{journal}: {error.strerror}", system_hint(error) or _remedy(journal)) from None
    body = records.load(data, FORMAT, str(journal), unmarked=1, hint=_remedy(journal))
    with records.interpreting(str(journal), _remedy(journal)):
        return _parse(body, journal)


def _remedy(journal: Path) -> str:
    title, place = journal.parent.name, journal.parent
    return (
        f"see that service {title} is as it shall be; then rm -r {place}, which holds what was there before that push"
    )


def _parse(body: Mapping[str, Any], journal: Path) -> Transaction:
    for key, kind in _TYPES.items():
        records.typed_value(body, key, *kind)
    if body["phase"] not in PHASES or not all(isinstance(digest, str) for digest in body["files"]):
        raise ValueError("its phase or its files are malformed")
    who = Who(**body["who"])
    if not all(isinstance(word, str) for word in (who.account, who.origin, who.key)):
        raise TypeError("who is malformed")
    if body["phase"] != "armed":
        push_report.parse(Message(body["report"], f"{journal}: damaged", Damaged, _remedy(journal)))
    return Transaction(**{**body, "who": who, "files": tuple(body["files"])})


def is_open(title: str, top: Path = STAGING) -> bool:
    """Has the service an open transaction?"""
    return (top / title / "journal").exists()


def open_titles(top: Path = STAGING) -> list[str]:
    """The services that have an open transaction."""
    return sorted(path.parent.name for path in top.glob("*/journal"))


def problems(top: Path = STAGING) -> dict[str, Failure]:
    """The services whose open transaction cannot be read, each with the reason."""
    found = {}
    for title in open_titles(top):
        try:
            read(top / title / "journal")
        except Failure as error:
            found[title] = error
    return found


def find_open(top: Path = STAGING) -> list[Transaction]:
    """All that are open; what cannot be read is left out."""
    found = []
    for title in open_titles(top):
        with suppress(Failure):
            found += [transaction] if (transaction := read(top / title / "journal")) else []
    return found


def find_waiting(top: Path = STAGING) -> Transaction | None:
    """The one that waits to be confirmed; there is never more than one."""
    return next((transaction for transaction in find_open(top) if transaction.phase == "waiting"), None)
