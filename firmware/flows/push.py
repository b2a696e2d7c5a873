"""Push a service to the peer: the whole story stands in `push`; the receiving half is `flows.receive`.

what is applied here → a proposal, with the contents that the peer lacks since the last sync → one request → (a second, if
it lacks more) → the peer's report, and only then success.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from firmware import __version__
from firmware.errors import Busy, Failure, Lost, Refused, full_text, outcome
from firmware.faults import fault_point
from firmware.flows import recovery
from firmware.locks import hold, push_lock
from firmware.rc import check, document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.services import applied, catalog
from firmware.services.definition import Context, Service
from firmware.sync import ancestor, audit, proposal, report, versions
from firmware.sync.audit import Who
from firmware.sync.link import Link
from firmware.sync.node_state import NodeState
from firmware.sync.proposal import Proposal
from firmware.sync.settings import Settings
from firmware.sync.versions import Versions

#: seconds for the peer to check, reload, and put back if need be
ANSWER_TIME = 120.0
#: seconds to wait for another push of the service, from here or to here
LOCK_TIME = 5.0


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What the operator asked for: the service, who asks, the peer's state that --force may overwrite ("" without it), and
    the seconds within which the push has to be confirmed (0: it has not to be)."""

    title: str
    who: Who
    shown: str = ""
    confirm: int = 0


async def push(wish: PushRequest, link: Link, settings: Settings, theirs: NodeState) -> dict[str, Any]:
    """Push a service and return the report of `csync push --json`."""
    began = time.monotonic()
    try:
        with ExitStack() as held:
            await _turn(wish.title, held)
            protocol = _protocol(wish, theirs, settings)
            offer = await asyncio.to_thread(make_proposal, wish.title, settings.remote_node)
            offer = replace(offer, push=secrets.token_hex(16), expect=wish.shown, confirm=wish.confirm)
            fault_point("push.proposed")
            answer, trips = await _delivered(offer, protocol, link, settings)
            fault_point("push.answered")
    except Failure as error:
        _note(wish, settings, outcome(error), message=full_text(error))
        raise
    if answer["result"] in ("applied", "unchanged") and not answer.get("confirm"):
        await asyncio.to_thread(_agreed, offer, answer, settings)
        fault_point("push.agreed")
    told = {"push": offer.push, "confirm": answer.get("confirm", 0), **report.trail_details(answer)}
    _note(wish, settings, answer["result"], **told)
    took = {"round_trips": trips, "seconds": round(time.monotonic() - began, 3)}
    return {"service": wish.title, "node": settings.remote_node, **answer, **took}


async def _turn(title: str, held: ExitStack) -> None:
    """Have pushes of the service for ourselves, once others are done with theirs; Busy if they are not within PATIENCE
    seconds. While we push it there, nobody pushes it here: two that cross would swap what both nodes have."""
    deadline = time.monotonic() + LOCK_TIME
    while True:
        try:
            held.enter_context(hold(push_lock(title), wait=False))
            return
        except Busy:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.02)


def _note(wish: PushRequest, settings: Settings, result: str, **details: Any) -> None:
    audit.note("push", who=wish.who, result=result, service=wish.title, to=settings.peer, **details)


async def preview(title: str, link: Link, settings: Settings, theirs: NodeState) -> dict[str, Any]:
    """What a push would change on the peer: the report of `csync diff --json`; nothing is changed."""
    offer = await asyncio.to_thread(make_proposal, title, settings.remote_node)
    protocol = _protocol(PushRequest(title, audit.THIS_NODE), theirs, settings)
    answer, _ = await link.retry_if_lost(
        lambda time: _send(replace(offer, dry=True), protocol, link, time), ANSWER_TIME
    )
    return {"service": title, "node": settings.remote_node, **answer}


def make_proposal(title: str, peer: int) -> Proposal:
    """The service as it is applied here, and the contents that the peer lacks if it still has what was synced last."""
    recovery.refuse_while_waiting()
    service, block = require_pushable(title)
    entries = applied.entries(service, title)
    proposal.require_sendable(service, entries)
    before = ancestor.find(peer, title)
    fresh = {entry.digest for entry in entries.values()} - set(before.files) if before else set()
    contents = _contents(service, entries, title, fresh)
    return Proposal(service, block, entries, contents, base=before.digest if before else "")


def require_pushable(title: str) -> tuple[Service, Block]:
    """The service and its block, if it may be pushed and runs as it lies on disk; Refused with the reason otherwise."""
    config, service = document.read(), catalog.find(Title.parse(title).service)
    block = config.find_unique(Title.parse(title))
    if block is None or service is None:
        raise Failure(f"service {title}: it is not in /etc/config.rc", "service list")
    if service.stays:
        raise Refused(f"service {title}: it stays on this node: {service.stays}")
    if peers_own := check.peer_problems(block, service):
        raise Refused(f"service {title}: {'; '.join(peers_own)}", f"config del {title} KEY")
    if applied.needs_apply(service, Context.of(service, block, config)):
        raise Refused(f"service {title}: it has changes that are not applied here", f"service {title} apply")
    return service, block


def _protocol(wish: PushRequest, theirs: NodeState, settings: Settings) -> int:
    """The version of the peer API in which to speak; Refused if the peer cannot do what is wished."""
    ours = Versions(__version__)
    if wish.confirm and "confirm" not in theirs.versions.can:
        raise Refused(
            f"service {wish.title}: {settings.peer} cannot put back what is not confirmed: {ours} here, "
            f"{theirs.versions} on the peer",
            "push without --confirm, or install the same version there",
        )
    return versions.common_version(ours, theirs.versions)


async def _delivered(offer: Proposal, protocol: int, link: Link, settings: Settings) -> tuple[Mapping[str, Any], int]:
    """The peer's answer and the round trips. If the link breaks before it, the same proposal is sent again once the link
    is back: where it had arrived, that changes nothing and only tells what came of it."""
    asked = 0

    async def ask(seconds: float) -> tuple[Mapping[str, Any], int]:
        nonlocal asked
        asked += 1
        answer, trips = await _send(offer, protocol, link, seconds)
        if answer["result"] == "busy" and asked > 1:
            raise Failure(f"service {offer.title}: {settings.peer} is still at work on it")
        return answer, trips + asked - 1

    try:
        answer, trips = await link.retry_if_lost(ask, ANSWER_TIME)
    except Lost as lost:
        raise Failure(
            f"service {offer.title}: {lost}: {settings.peer} has the old state or the new one, whole",
            f"once csync status is not red: csync diff {offer.title}; to push again does no harm",
        ) from None
    return ({**answer, "result": "refused"} if answer["result"] == "busy" else answer), trips


async def _send(offer: Proposal, protocol: int, link: Link, seconds: float) -> tuple[Mapping[str, Any], int]:
    answer = await link.request("/v1/push", offer.json(protocol), lane="push", timeout=seconds)
    if answer.get("result") != "lacking":
        return answer, 1
    lacking = {str(digest) for digest in answer.get("lacking", ())}
    more = await asyncio.to_thread(_contents, offer.service, offer.entries, offer.title, lacking)
    whole_offer = replace(offer, contents={**offer.contents, **more})
    answer = await link.request("/v1/push", whole_offer.json(protocol), lane="push", timeout=seconds)
    if answer.get("result") == "lacking":
        raise Failure(f"service {offer.title}: the peer changes while it is being pushed to", "push again")
    return answer, 2


def _contents(service: Service, entries: Mapping[str, Any], title: str, digests: set[str]) -> dict[str, bytes]:
    return proposal.read_contents(entries, applied.files_directory(title), service.owns, digests)


def _agreed(offer: Proposal, answer: Mapping[str, Any], settings: Settings) -> None:
    digests = [entry.digest for entry in offer.entries.values() if entry.kind == "file"]
    ancestor.record(settings.remote_node, offer.title, str(answer["state"]), digests, pushed_by=settings.local_node)
