"""What `csync status --json` says: both nodes as they stand, and what follows from it."""

from dataclasses import asdict
from typing import Any

from firmware.sync import ancestor, node_state
from firmware.sync.node_state import NodeState
from firmware.sync.settings import Settings


def describe(
    settings: Settings, ours: NodeState, theirs: NodeState | None, why_not: str, remedy: str = ""
) -> dict[str, Any]:
    """Both standings and the judgement, as `csync status --json` has them. `why_not`: why theirs is missing; `remedy`:
    what to do about that."""
    state, reasons = node_state.pair_state(ours, theirs, why_not)
    broken = next((f"config check on node {one.node}" for one in (ours, theirs) if one and one.wrong), "")
    titles = sorted({*ours.services, *(theirs.services if theirs else ())})
    there = (
        {**_node_json(theirs), "reachable": True} if theirs else unknown_node(settings.remote_node, settings.remote_ip)
    )
    return {
        "state": state,
        "reasons": reasons,
        "remedy": remedy or broken,
        "local": {**_node_json(ours), "reachable": True},
        "peer": there,
        "services": {title: _service_json(settings, title, ours, theirs) for title in titles},
    }


def unknown_node(node: int | None, address: str | None) -> dict[str, Any]:
    """What is said of a node that cannot be asked."""
    lists: dict[str, Any] = {"can": [], "unsaved": [], "unapplied": [], "down": []}
    waiting = {"confirm_pending": False, "waiting": None}
    return {
        "node": node,
        "address": address,
        "version": None,
        "protocols": None,
        **lists,
        **waiting,
        "reachable": False,
    }


def _node_json(one: NodeState) -> dict[str, Any]:
    return {
        "node": one.node, "address": one.address, "version": one.versions.firmware, "protocols": one.versions.spoken,
        "can": one.versions.can, "unsaved": one.unsaved, "unapplied": one.unapplied, "down": one.down,
        "confirm_pending": one.waiting is not None, "waiting": asdict(one.waiting) if one.waiting else None,
    }  # fmt: skip


def _service_json(settings: Settings, title: str, ours: NodeState, theirs: NodeState | None) -> dict[str, Any]:
    here, there = ours.services.get(title), theirs.services.get(title) if theirs else None
    last = ancestor.find(settings.remote_node, title)
    return {
        "in_sync": (here.files == there.files if here and there else False) if theirs else None,
        "local": _digests_json(here),
        "peer": _digests_json(there),
        "last_push": {"time": last.time, "node": last.pushed_by, "digest": last.digest} if last else None,
    }


def _digests_json(one: node_state.ServiceDigests | None) -> dict[str, str | None]:
    return (
        {key: value or None for key, value in asdict(one).items()}
        if one
        else dict.fromkeys(("files", "applied", "saved"))
    )
