"""What `csync status --json` says: both nodes as they are, and what follows from it."""

from dataclasses import asdict
from typing import Any

from firmware.rc import document
from firmware.sync import ancestor, keys, node_state
from firmware.sync.ancestor import Ancestor
from firmware.sync.node_state import NodeState
from firmware.sync.pair_state import MISMATCH_REMEDY, identity_mismatches, pair_state
from firmware.sync.settings import Settings
from firmware.upgrade import attention


def describe(
    settings: Settings, ours: NodeState, theirs: NodeState | None, why_not: str, remedy: str = ""
) -> dict[str, Any]:
    """Both nodes and the state of the pair, as `csync status --json` has them. `why_not`: why the peer's state is missing;
    `remedy`: what to do about that."""
    state = pair_state(ours, theirs, why_not)
    reasons, remedies = list(state.reasons), [remedy, *(_remedy(one) for one in (ours, theirs) if one)]
    if theirs and identity_mismatches(ours, theirs):
        remedies.append(MISMATCH_REMEDY)
    last_syncs = ancestor.load(keys.known_peer(settings))
    if problem := last_syncs.problem:
        # It works, but what both nodes had last is not known: most pushes will be refused.
        reasons.append(f"node {ours.node}: {problem}")
        remedies.append(problem.hint)
    remedies += [attention.remedy()] if ours.slot_problem else []
    remedies += [attention.remedy(theirs.node)] if theirs and theirs.slot_problem else []
    titles = sorted({*ours.services, *(theirs.services if theirs else ())})
    peer = (
        {**_node_json(theirs), "reachable": True} if theirs else unknown_node(settings.remote_node, settings.remote_ip)
    )
    return {
        "state": state.colour,
        "reasons": reasons,
        "remedy": next(filter(None, remedies), ""),
        "local": {**_node_json(ours), "reachable": True},
        "peer": peer,
        "path": "",
        "services": {title: _service_json(title, ours, theirs, last_syncs.by_title.get(title)) for title in titles},
    }


def _remedy(node: NodeState) -> str:
    """What to do about what is wrong with a node; "" for nothing."""
    if node.wrong:
        check = "config check" if node.wrong.startswith(document.PATH) else "csync check"
        return f"{check} on node {node.node}"
    return f"config history on node {node.node}, then config save there" if node.unsound_save else ""


def unknown_node(node: int | None, address: str | None) -> dict[str, Any]:
    """What is said of a node that cannot be asked."""
    lists: dict[str, Any] = {"can": [], "unsaved": [], "unapplied": [], "down": []}
    waiting = {"confirm_pending": False, "waiting": None, "slot_problem": None}
    return {
        "node": node,
        "address": address,
        "version": None,
        "protocols": None,
        "unsaved_count": 0,
        **lists,
        **waiting,
        "reachable": False,
    }


def _node_json(one: NodeState) -> dict[str, Any]:
    return {
        "node": one.node, "address": one.address, "version": one.versions.firmware, "protocols": one.versions.spoken,
        "can": one.versions.can, "unsaved": one.unsaved,
        "unsaved_count": max(one.unsaved_count, len(one.unsaved)), "unapplied": one.unapplied, "down": one.down,
        "confirm_pending": one.waiting is not None, "waiting": asdict(one.waiting) if one.waiting else None,
        "slot_problem": one.slot_problem or None,
    }  # fmt: skip


def _service_json(title: str, ours: NodeState, theirs: NodeState | None, last: Ancestor | None) -> dict[str, Any]:
    local, peer = ours.services.get(title), theirs.services.get(title) if theirs else None
    return {
        "in_sync": (local.files == peer.files if local and peer else False) if theirs else None,
        "local": _digests_json(local),
        "peer": _digests_json(peer),
        "last_push": {"time": last.time, "node": last.pushed_by, "digest": last.digest} if last else None,
    }


def _digests_json(one: node_state.ServiceDigests | None) -> dict[str, str | None]:
    return (
        {key: value or None for key, value in asdict(one).items()}
        if one
        else dict.fromkeys(("files", "applied", "saved"))
    )
