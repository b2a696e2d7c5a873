"""The push of ours that waits on the peer to be confirmed, as this node knows it, whatever the peer says later.

It is noted when the peer has answered, below /run: over a reboot of this node it is not known any more. There is one at
most, for a node where one waits takes no other.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.errors import Damaged, NewerFormat
from firmware.sync.transaction import boot_clock

FILE = Path("/run/firmware/unconfirmed")
FORMAT = 1


@dataclass(frozen=True, slots=True)
class UnconfirmedPush:
    """Which push, of which service, to which node; the digests of the state and of the files that it brought; and when its
    time is over, on the clock that counts from the machine's start."""

    push: str
    service: str
    node: int
    state: str
    files: tuple[str, ...]
    deadline: float

    @property
    def is_over(self) -> bool:
        """Has the peer put it back by now, unless it was confirmed?"""
        return boot_clock() > self.deadline


def write(push: UnconfirmedPush, path: Path = FILE) -> None:
    """Note it, in the place of an earlier one."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write(path, records.dump(asdict(push), FORMAT), mode=0o600)


def read(path: Path = FILE) -> UnconfirmedPush | None:
    """It; None if there is none. One that cannot be read counts as none: nothing is decided by it alone."""
    with suppress(FileNotFoundError, Damaged, NewerFormat):
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            return _parse(body)
    return None


def forget(push: str, path: Path = FILE) -> None:
    """What became of that push is known."""
    known = read(path)
    if known is not None and known.push == push:
        path.unlink(missing_ok=True)


def _parse(body: Mapping[str, Any]) -> UnconfirmedPush:
    push, service, state = (records.typed_value(body, key, str) for key in ("push", "service", "state"))
    digests = tuple(map(str, records.typed_value(body, "files", list)))
    deadline = float(records.typed_value(body, "deadline", int, float))
    return UnconfirmedPush(push, service, records.typed_value(body, "node", int), state, digests, deadline)
