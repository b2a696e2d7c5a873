"""Confirm a push: the pushing half asks, the receiving half keeps what it would have put back. One story, two nodes.

Whether the answer gets lost or comes twice makes no difference: the question names the push.
"""

from dataclasses import replace
from typing import Any

from firmware.errors import Refused
from firmware.faults import fault_point
from firmware.flows import recovery
from firmware.locks import SWAP, hold, service_lock
from firmware.rc.title import Title
from firmware.services import catalog
from firmware.sync import ancestor, audit, report, staging, transaction
from firmware.sync.audit import Who
from firmware.sync.link import Link
from firmware.sync.node_state import NodeState
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.settings import Settings

#: seconds for the peer to answer
ANSWER_TIME = 30.0


async def confirm(link: Link, settings: Settings, theirs: NodeState, who: Who) -> dict[str, Any]:
    """Keep what waits on the peer, if this node pushed it; returns the report of `csync confirm --json`."""
    found = theirs.waiting
    if found is None or found.node != settings.local_node:
        recovery.refuse_while_waiting()
        raise Refused(
            f"nothing that this node pushed waits to be confirmed on node {settings.remote_node}",
            f"csync log on node {settings.remote_node} tells what became of it",
        )
    about: dict[str, Any] = {"service": found.service, "push": found.push}
    answer = await link.retry_if_lost(
        lambda time: link.request("/v1/confirm", about, lane="push", timeout=time), ANSWER_TIME
    )
    fault_point("confirm.answered")
    agreed = answer["state"], answer["digests"]
    ancestor.record(settings.remote_node, found.service, *agreed, pushed_by=settings.local_node)
    audit.note("confirm", who=who, result="confirmed", to=settings.peer, **about)
    return {**about, "node": settings.remote_node, "result": "confirmed", "state": answer["state"]}


def receive_confirm(title: str, push: str, remote: RemotePeer) -> dict[str, Any]:
    """Keep what that peer pushed. Refused if its time was over, or if it never waited."""
    fault_point("confirm.begun")
    service = catalog.find(Title.parse(title).service)
    if service is None or not push:
        raise Refused("it names no push")
    if transaction.is_open(title):
        _kept(staging.stage_for(service, title), push, remote)
    known = report.recall(title, push)
    if known is None or not known.get("confirm"):
        raise Refused(f"service {title}: it was not confirmed in time, and the old state is back", "push it again")
    return dict(known)


def _kept(stage: staging.Stage, push: str, remote: RemotePeer) -> None:
    with hold(service_lock(stage.title)), hold(SWAP):
        found = transaction.read(stage.journal)
        if found and found.push == push and found.peer == remote.node:
            if found.seconds_left:
                done = replace(found, phase="done", who=remote.who)
                transaction.write(done, stage.journal)
                recovery.complete(stage, done)
            else:
                recovery.recover_transaction(stage, found)
