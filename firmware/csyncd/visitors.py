"""Who comes in with a key that is trusted here, and says something of itself that the peer, as this node reaches it, does not:
another machine with the peer's key, such as a copy of it, or one that calls itself by this node's own number."""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.sync.node_state import NodeState
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.settings import without_zone

SAME_NUMBER_REMEDY = "LOCAL_NODE of one of the two nodes, then csync getkey on the other one"
SAME_KEY_REMEDY = (
    "on the other machine: service csyncd stop, csync genkey, and numbers and addresses of its own in csyncd.cfg"
)

#: the most of them that are remembered
MAX_VISITORS = 16


@dataclass(frozen=True, slots=True)
class Visitor:
    """A node that came in: by which name its key is known here, what it says of itself, its address ("" if that is not
    known), and whether it has gone since."""

    name: str
    state: NodeState
    origin: str
    has_gone: Callable[[], bool]

    @property
    def place(self) -> str:
        """Where it is, in words."""
        says = f"LOCAL_IP {self.state.address}"
        return f"{self.origin} ({says})" if self.origin not in ("", self.state.address) else says


class Visitors:
    """All of those that are still connected."""

    def __init__(self) -> None:
        self._known: list[Visitor] = []

    def note(self, remote: RemotePeer, state: NodeState) -> None:
        """A node has come in, and said this of itself; the last word of each counts."""
        visitor = Visitor(remote.name, state, remote.address, remote.has_gone)
        others = [one for one in self._present() if (one.name, one.state.address) != (remote.name, state.address)]
        self._known = [*others, visitor][-MAX_VISITORS:]

    def with_number(self, node: int) -> Visitor | None:
        """One that calls itself by that number, which is this node's own."""
        return next((one for one in self._present() if one.state.node == node), None)

    def with_key_of(self, name: str, linked: NodeState | None) -> Visitor | None:
        """One that has the key of that peer, and is not where this node's link to the peer leads."""
        if linked is None:
            return None
        found = (one for one in self._present() if one.name == name and is_elsewhere(one.state, linked))
        return next(found, None)

    def _present(self) -> list[Visitor]:
        return [one for one in self._known if not one.has_gone()]


def is_elsewhere(one: NodeState, other: NodeState) -> bool:
    """Do they say of themselves that they are at different addresses?"""
    return without_zone(one.address) != without_zone(other.address)
