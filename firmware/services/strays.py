"""What a daemon's account runs beside the daemon: after a reload, what the former configuration started and left is ended.

A process may leave its parent, its group and its session, but not its account, and the account runs one daemon alone.
"""

import os
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: how often what is left is looked for; what forks faster than that ends with the daemon
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Family:
    """The processes that belong to a daemon, by their pids: those in `trees` with all that they started and whose parents
    still live, those in `alone` for themselves."""

    trees: Collection[int]
    alone: Collection[int]


def end_strays(uid: int, family: Family) -> int:
    """KILL every process of an account that does not belong to the family; returns how many were seen."""
    seen: set[int] = set()
    for _ in range(_ROUNDS):
        found = set(strays(_parents(uid), family))
        seen |= found
        if not [pid for pid in found if _kill(pid, uid)]:
            break
    return len(seen)


def strays(parents: Mapping[int, int], family: Family) -> Iterator[int]:
    """Those of an account's processes, each with its parent, that do not belong to the family."""
    for pid in parents:
        above = pid
        while above in parents and above not in family.trees:
            above = parents[above]
        if above not in family.trees and pid not in family.alone:
            yield pid


def _parents(uid: int) -> dict[int, int]:
    """The living processes of an account, each with its parent."""
    found = ((int(name), _status(name)) for name in os.listdir("/proc") if name.isdigit())
    return {pid: int(status["PPid"]) for pid, status in found if _is_living(status, uid)}


def _status(pid: str | int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _is_living(status: Mapping[str, str], uid: int) -> bool:
    return bool(status) and status["State"][:1] not in "ZX" and str(uid) in status["Uid"].split()


def _kill(pid: int, uid: int) -> bool:
    """Whether it was there: whoever has its pid since is let alone."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if _is_living(_status(pid), uid):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False
