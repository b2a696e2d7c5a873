"""Confirm a push: the pushing half asks, the receiving half keeps what it would have put back. One story, two nodes.

Whether the answer gets lost or comes twice makes no difference: the question names the push.
"""

import asyncio
from dataclasses import replace
from typing import Any

from firmware.errors import Refused, from_system
from firmware.faults import fault_point
from firmware.flows import recovery
from firmware.locks import SWAP, hold, service_lock
from firmware.rc.title import Title
from firmware.services import catalog
from firmware.sync import ancestor, audit, keys, push_report, staging, transaction, unconfirmed_push
from firmware.sync.audit import Who
from firmware.sync.link import Link
from firmware.sync.node_state import NodeState, WaitingPush
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
        raise _nothing_to_confirm(settings, theirs)
    push: dict[str, Any] = {"service": waiting.service, "push": waiting.push}
    answer = await link.retry_if_lost(
        lambda seconds: link.request("/v1/confirm", push, push_report.parse, lane="push", timeout=seconds), ANSWER_TIME
    )
    fault_point("confirm.answered")
    message = await asyncio.to_thread(_note_confirmed, waiting, answer.state, settings)
    audit.note(
        "confirm", who=who, result="confirmed", to=settings.peer, reported_by=settings.peer, message=message, **push
    )
    return {**push, "node": settings.remote_node, "result": "confirmed", "state": answer.state, "message": message}


def _nothing_to_confirm(settings: Settings, theirs: NodeState) -> Refused:
    """Why there is nothing that could be confirmed, as an error; Refused with another reason if one waits here."""
    recovery.refuse_while_waiting()
    there = f"node {settings.remote_node}"
    if theirs.wrong:
        return Refused(
            f"whether a push of this node waits on {there} is not known: it says that something is wrong there: {theirs.wrong}",
            f"csync check on {there}",
        )
    return Refused(
        f"nothing that this node pushed waits to be confirmed on {there}",
        f"csync log on {there} tells what became of it",
    )


def _note_confirmed(waiting: WaitingPush, state: str, settings: Settings) -> str:
    """Note what both nodes have now, as this node knows what it pushed; returns what is to be said of that, "" for nothing."""
    ours = unconfirmed_push.read()
    try:
        if ours is None or ours.push != waiting.push or ours.state != state:
            # This node does not know any more what it pushed; what was synced before is over in any case.
            ancestor.forget(settings.remote_node, waiting.service)
        else:
            peer = keys.known_peer(settings)
            ancestor.record(peer, waiting.service, ours.state, ours.files, pushed_by=settings.local_node)
        unconfirmed_push.forget(waiting.push)
    except OSError as error:
        return f"that could not be noted here: {from_system(error)} (make room: df /etc /run)"
    return ""


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
