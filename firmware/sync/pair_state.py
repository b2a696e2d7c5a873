"""The state of the pair: red, orange or green, from what two nodes say of themselves, and the reasons."""

from dataclasses import dataclass

from firmware.printable import escape, shorten
from firmware.sync import versions
from firmware.sync.node_state import NodeState, WaitingPush
from firmware.sync.settings import without_zone

#: what to do about a mismatch
MISMATCH_REMEDY = (
    "csyncd.cfg of both nodes: LOCAL_* of each is REMOTE_* of the other. Where an address is translated on the way, both must "
    "know the outer one; a tunnel (service wg) has addresses that both know"
)


@dataclass(frozen=True, slots=True)
class PairState:
    """The colour, red, orange or green, and the reasons, one line each."""

    colour: str
    reasons: list[str]


def mismatches(ours: NodeState, theirs: NodeState) -> list[str]:
    """Why these two cannot sync: identities that do not mirror each other, versions that do not fit."""
    wrong = versions.version_mismatch(ours.versions, theirs.versions)
    return [*identity_mismatches(ours, theirs), *([wrong] if wrong else [])]


def identity_mismatches(ours: NodeState, theirs: NodeState) -> list[str]:
    """How the two csyncd.cfg do not mirror each other: numbers first, for addresses say little where these are wrong."""
    reasons = []
    if theirs.node == ours.node:
        return [f"both nodes call themselves node {ours.node}: LOCAL_NODE has to differ"]
    if theirs.node != ours.remote_node:
        reasons.append(
            f"identities are mixed up: the peer calls itself node {theirs.node}, REMOTE_NODE here is {ours.remote_node}"
        )
    if theirs.remote_node != ours.node:
        reasons.append(
            f"identities are mixed up: the peer's REMOTE_NODE is {theirs.remote_node}, this is node {ours.node}"
        )
    return reasons or _address_mismatches(ours, theirs)


def _address_mismatches(ours: NodeState, theirs: NodeState) -> list[str]:
    """Addresses that are not the same on both nodes, though keys and numbers of the nodes fit."""
    pairs = (
        ("LOCAL", "REMOTE", theirs.address, ours.remote_address),
        ("REMOTE", "LOCAL", theirs.remote_address, ours.address),
    )
    return [
        f"the addresses do not fit, though keys and numbers do: {there}_IP of node {theirs.node} is {their_one}, "
        f"{here}_IP here is {our_one}"
        for there, here, their_one, our_one in pairs
        if without_zone(their_one) != without_zone(our_one)
    ]


def pair_state(ours: NodeState | None, theirs: NodeState | None, why_not: str) -> PairState:
    """The state of the pair. `why_not`: why theirs is missing."""
    broken = [f"node {one.node}: {one.wrong}" for one in (ours, theirs) if one and one.wrong]
    given_up = [f"node {one.node}: {one.slot_problem}" for one in (ours, theirs) if one and one.slot_problem]
    unsound = [f"node {one.node}: {one.unsound_save}" for one in (ours, theirs) if one and one.unsound_save]
    if ours is None or theirs is None:
        return PairState("red", [why_not, *broken, *unsound, *given_up])
    if wrong := [*mismatches(ours, theirs), *broken]:
        return PairState("red", [*wrong, *unsound, *given_up])
    reasons = [_waiting_reason(one.node, one.waiting) for one in (ours, theirs) if one.waiting]
    reasons += unsound
    if theirs.down:
        reasons.append(f"node {theirs.node}: does not run: {_list_briefly(theirs.down)}")
    if theirs.unapplied:
        reasons.append(f"node {theirs.node}: not in effect yet: {_list_briefly(theirs.unapplied)}")
    if theirs.unsaved:
        reasons.append(f"node {theirs.node}: not saved: {_list_briefly(theirs.unsaved, theirs.unsaved_count)}")
    reasons += [
        f"node {theirs.node}: what runs of service {title} is not what is saved"
        for title, digests in theirs.services.items()
        if not theirs.unsaved and digests.applied != digests.saved and title not in theirs.unapplied
    ]
    reasons += given_up
    return PairState("orange" if reasons else "green", reasons)


def _waiting_reason(node: int, waiting: WaitingPush) -> str:
    return (
        f"node {node}: service {waiting.service} waits to be confirmed (csync confirm on node {waiting.node}); "
        f"it is put back in {waiting.left} s"
    )


def _list_briefly(names: tuple[str, ...], count: int = 0, most: int = 6) -> str:
    """All of them, or how many there are, `count` if that is more, and the first few."""
    first, count = ", ".join(shorten(escape(name), 200) for name in names[:most]), max(count, len(names))
    return first if count <= most else f"{count}, such as {first}"
