"""What matters on every page of the web UI: what is unsaved, needs apply, waits to be confirmed, and how the pair is."""

from collections.abc import Iterator
from dataclasses import dataclass

from firmware.operations import peer, service_list
from firmware.operations.peer import PairStatus
from firmware.services import confirmation
from firmware.store.changes import unsaved_changes
from firmware.upgrade import attention

#: unsaved paths that are named
MOST_PATHS = 50
#: states in which what is not applied is not in effect; what does not run takes it with its next start
_RUNNING = ("running", "failed")


@dataclass(frozen=True, slots=True)
class WaitingPush:
    """A push that is put back after so many seconds unless it is confirmed: a peer's `here`, or ours on the `peer`."""

    service: str
    where: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A service of this node that was applied until it is confirmed, and the seconds that are left for that."""

    service: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Banner:
    """The colour of the pair with its reasons; how many paths are unsaved, and the first of them; what needs apply; what
    waits to be confirmed; what is wrong with this node's slots, "" for nothing."""

    state: str
    reasons: tuple[str, ...]
    remedy: str
    unsaved: int
    paths: tuple[str, ...]
    needs_apply: tuple[str, ...]
    confirm: WaitingPush | None
    trial: Trial | None
    slot_problem: str


def banner() -> Banner:
    """What there is to say now. It is looked at every few seconds for each tab that is open, so what csyncd knows of /etc is not
    read once more."""
    status = peer.status()
    is_known = status.local["version"] is not None
    unsaved = tuple(map(str, status.local["unsaved"])) if is_known else unsaved_changes().paths
    rows = service_list.list_services(status.local["unapplied"] if is_known else None)
    needs = tuple(row.title for row in rows if row.needs_apply and row.state in _RUNNING)
    push, trial = next(_pushes(status), None), next(_trials(), None)
    about = len(unsaved), unsaved[:MOST_PATHS], needs
    return Banner(status.state, status.reasons, status.remedy, *about, push, trial, attention.problem())


def _pushes(status: PairStatus) -> Iterator[WaitingPush]:
    for where, node in (("here", status.local), ("peer", status.peer)):
        if found := node.get("waiting"):
            yield WaitingPush(str(found["service"]), where, int(found["left"]))


def _trials() -> Iterator[Trial]:
    for name in confirmation.names():
        if pending := confirmation.pending(name):
            yield Trial(name, round(pending.seconds_left))
