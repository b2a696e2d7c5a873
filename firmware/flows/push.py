"""Push a service to the peer: the whole story stands in `push`; the receiving half is `flows.receive`.

what is applied here → a proposal, with the contents that the peer lacks since the last sync → one request → (a second, if
it lacks more) → the peer's report, and only then success.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware.errors import Failure, Lost, Refused
from firmware.rc import check, document
from firmware.rc.document import Block
from firmware.services import applied, catalog, control
from firmware.services.definition import Service
from firmware.sync import ancestor, audit, proposal
from firmware.sync.link import Link
from firmware.sync.proposal import Proposal
from firmware.sync.settings import Settings

#: seconds for the peer to check, reload, and put back if need be
TIME = 120.0
#: seconds to wait for a link that broke before the peer had answered
PATIENCE = 20.0


async def push(title: str, link: Link, settings: Settings, *, shown: str = "") -> dict[str, Any]:
    """Push a service and return the report of `csync push --json`. `shown`: the peer's state that --force may overwrite."""
    began = time.monotonic()
    try:
        # While we push it there, nobody pushes it here: two that cross would swap what both nodes have.
        with control.lock(title, wait=False):
            offer = await asyncio.to_thread(propose, title, settings.remote_node)
            answer, trips = await _delivered(replace(offer, expect=shown), link, settings)
    except Failure as error:
        audit.note("push", who="operator", result=_word(error), service=title, to=settings.peer, message=str(error))
        raise
    if answer["result"] in ("applied", "unchanged"):
        await asyncio.to_thread(_agreed, offer, answer, settings)
    report = {
        "service": title, "node": settings.remote_node, **answer,
        "round_trips": trips, "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    _audit(title, settings, answer)
    return report


def _audit(title: str, settings: Settings, answer: Mapping[str, Any]) -> None:
    before, after = answer["sha256"]
    audit.note(
        "push", who="operator", result=answer["result"], service=title, to=settings.peer, message=answer["message"],
        before=before, after=after, files=[change["path"] for change in answer["files"]],
    )  # fmt: skip


async def preview(title: str, link: Link, settings: Settings) -> dict[str, Any]:
    """What a push would change on the peer: the report of `csync diff --json`; nothing is changed."""
    offer = await asyncio.to_thread(propose, title, settings.remote_node)
    answer, _ = await _send(replace(offer, dry=True), link)
    return {"service": title, "node": settings.remote_node, **answer}


def propose(title: str, peer: int) -> Proposal:
    """The service as it is applied here, and the contents that the peer lacks if it still has what was synced last."""
    service, block = tested(title)
    entries = applied.entries(service, title)
    proposal.sendable(service, entries)
    before = ancestor.find(peer, title)
    fresh = {entry.digest for entry in entries.values()} - set(before.files) if before else set()
    return Proposal(service, block, entries, _contents(service, entries, title, fresh))


def tested(title: str) -> tuple[Service, Block]:
    """The service and its block, if it may be pushed and runs as it lies on disk; Refused with the reason otherwise."""
    name, _, instance = title.partition(".")
    block, service = document.read().find(name, instance), catalog.find(name)
    if block is None or service is None:
        raise Failure(f"service {title}: it is not in /etc/config.rc", "service list")
    if service.stays:
        raise Refused(f"service {title}: it stays on this node: {service.stays}")
    if peers_own := check.peer_problems(block, service):
        raise Refused(f"service {title}: {'; '.join(peers_own)}", f"config del {title} KEY")
    if applied.needs_apply(service, block):
        raise Refused(f"service {title}: it has changes that are not applied here", f"service {title} apply")
    return service, block


async def _delivered(offer: Proposal, link: Link, settings: Settings) -> tuple[Mapping[str, Any], int]:
    """The peer's answer and the round trips. If the link breaks before it, the same proposal is sent again once the link
    is back: where it had arrived, that changes nothing and only tells what came of it."""
    try:
        answer, trips = await _send(offer, link)
        return ({**answer, "result": "refused"} if answer["result"] == "busy" else answer), trips
    except Lost as error:
        lost = error
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        try:
            await link.settled(deadline - time.monotonic())
            answer, trips = await _send(offer, link)
        except Failure:
            continue
        if answer["result"] != "busy":
            return answer, trips + 1
    raise Failure(
        f"service {offer.title}: {lost}: {settings.peer} has the old state or the new one, whole, and cannot be asked",
        f"once csync status is not red: csync diff {offer.title}; to push again does no harm",
    )


async def _send(offer: Proposal, link: Link) -> tuple[Mapping[str, Any], int]:
    answer = await link.request("/v1/push", offer.json(), lane="push", timeout=TIME)
    if answer.get("result") != "lacking":
        return answer, 1
    lacking = {str(digest) for digest in answer.get("lacking", ())}
    more = await asyncio.to_thread(_contents, offer.service, offer.entries, offer.title, lacking)
    whole = replace(offer, contents={**offer.contents, **more})
    answer = await link.request("/v1/push", whole.json(), lane="push", timeout=TIME)
    if answer.get("result") == "lacking":
        raise Failure(f"service {offer.title}: the peer changes while it is being pushed to", "push again")
    return answer, 2


def _contents(service: Service, entries: Mapping[str, Any], title: str, digests: set[str]) -> dict[str, bytes]:
    return proposal.contents_of(entries, applied.files_of(title), service.owns, digests)


def _agreed(offer: Proposal, answer: Mapping[str, Any], settings: Settings) -> None:
    digests = [entry.digest for entry in offer.entries.values() if entry.kind == "file"]
    state = str(answer["state"])
    ancestor.record(settings.remote_node, offer.title, state, digests, time=time.time(), pushed_by=settings.local_node)


def _word(error: Failure) -> str:
    return "refused" if isinstance(error, Refused) else "failed"
