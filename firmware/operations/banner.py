"""What matters on every page of the web UI: what is unsaved, needs apply, waits to be confirmed, and how the pair is."""

from collections.abc import Iterator
from dataclasses import dataclass

from firmware.operations import peer, service_list
from firmware.operations.peer import PairStatus
from firmware.services import confirmation
from firmware.store.changes import unsaved_changes

#: unsaved paths that are named
MOST_PATHS = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that is put back unless somebody confirms it. `kind`: `apply` (here, by service), `push` (ours, on the peer),
    `received` (a peer's, here)."""

    kind: str
    service: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Banner:
    """The colour of the pair with its reasons; how many paths are unsaved, and the first of them; what needs apply; what
    waits."""

    state: str
    reasons: tuple[str, ...]
    remedy: str
    unsaved: int
    paths: tuple[str, ...]
    needs_apply: tuple[str, ...]
    waiting: tuple[Waiting, ...]


def banner() -> Banner:
    """What there is to say now."""
    status, unsaved = peer.status(), unsaved_changes().paths
    rows = service_list.list_services()
    needs = tuple(row.title for row in rows if row.needs_apply)
    waiting = tuple(_waiting(status))
    return Banner(status.state, status.reasons, status.remedy, len(unsaved), unsaved[:MOST_PATHS], needs, waiting)


def _waiting(status: PairStatus) -> Iterator[Waiting]:
    for name in confirmation.names():
        if pending := confirmation.pending(name):
            yield Waiting("apply", name, round(pending.seconds_left))
    for kind, node in (("received", status.local), ("push", status.peer)):
        if found := node.get("waiting"):
            yield Waiting(kind, str(found["service"]), int(found["left"]))
