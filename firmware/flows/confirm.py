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
from firmware.sync import ancestor, audit, keys, push_report, staging, transaction
from firmware.sync.audit import Who
from firmware.sync.link import Link
from firmware.sync.node_state import NodeState
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.settings import Settings
from firmware.sync.staging import Stage
from firmware.sync.transaction import Transaction

#: seconds for the peer to answer
ANSWER_TIME = 30.0


async def confirm(link: Link, settings: Settings, theirs: NodeState, who: Who) -> dict[str, Any]:
    """Keep what waits on the peer, if this node pushed it; returns the report of `csync confirm --json`."""
    waiting = theirs.waiting
    if waiting is None or waiting.node != settings.local_node:
        recovery.refuse_while_waiting()
        raise Refused(
            f"nothing that this node pushed waits to be confirmed on node {settings.remote_node}",
            f"csync log on node {settings.remote_node} tells what became of it",
        )
    push: dict[str, Any] = {"service": waiting.service, "push": waiting.push}
    answer = await link.retry_if_lost(
        lambda seconds: link.request("/v1/confirm", push, lane="push", timeout=seconds), ANSWER_TIME
    )
    fault_point("confirm.answered")
    state, digests = answer["state"], answer["digests"]
    ancestor.record(keys.known_peer(settings), waiting.service, state, digests, pushed_by=settings.local_node)
    audit.note("confirm", who=who, result="confirmed", to=settings.peer, **push)
    return {**push, "node": settings.remote_node, "result": "confirmed", "state": state}


def receive_confirm(title: str, push: str, remote: RemotePeer) -> dict[str, Any]:
    """Keep what that peer pushed; returns the report of the push. Refused if its time was over, or if it never waited."""
    fault_point("confirm.begun")
    service = catalog.find(Title.parse(title).service)
    if service is None or not push:
        raise Refused("it names no push")
    if transaction.is_open(title):
        with hold(service_lock(title)), hold(SWAP):
            stage = staging.stage_for(service, title)
            waiting = transaction.read(stage.journal)
            if waiting and waiting.push == push and waiting.who.key == remote.who.key:
                _commit_or_roll_back(stage, waiting, remote)
    answer = push_report.recall(title, push)
    if answer is None or not answer.get("confirm"):
        raise Refused(f"service {title}: it was not confirmed in time, and the old state is back", "push it again")
    return dict(answer)


def _commit_or_roll_back(stage: Stage, waiting: Transaction, remote: RemotePeer) -> None:
    if waiting.seconds_left:
        done = replace(waiting, phase="done", who=remote.who)
        transaction.write(done, stage.journal)
        recovery.complete(stage, done)
    else:
        recovery.recover_transaction(stage, waiting)
