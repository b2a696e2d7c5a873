"""Delivery: get a proposal to the peer and its answer back, in few bytes and round trips, and once more if the link breaks."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from firmware.errors import Failure, Lost
from firmware.manifest import Entry
from firmware.services import applied
from firmware.services.definition import Service
from firmware.sync import contents, proposal_body, proposal_changes, push_report, synced
from firmware.sync.contents import Contents
from firmware.sync.link import MALFORMED, Link
from firmware.sync.node_state import NodeState
from firmware.sync.progress import Tell, tell_nobody
from firmware.sync.proposal import Proposal
from firmware.sync.push_report import Report
from firmware.sync.settings import Settings
from firmware.sync.synced import Known
from firmware.sync.versions import Speech

#: seconds for the peer to check, reload, and put back if need be
ANSWER_TIME = 120.0
#: the difference, the whole table, and the contents that are still lacking
MOST_ROUND_TRIPS = 3
#: results after which the peer has what was pushed
SUCCESSES = ("applied", "unchanged")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the peer answered to a proposal, and how many round trips that took."""

    answer: Report
    round_trips: int


def what_peer_has(proposed: Proposal, theirs: NodeState, speech: Speech) -> Known | None:
    """What the peer has of the service, if its state says so and this node knows what that is: what is pushed, or what was
    synced last."""
    if speech.version < 3:
        return None
    told = theirs.services.get(proposed.title)
    state = proposal_changes.proposed_digest(proposed)
    if told and told.files == state:
        return Known(state, proposed.entries)
    found = synced.find(proposed.title)
    return found if found and (told is None or told.files == found.digest) else None


async def deliver(
    proposed: Proposal, known: Known | None, speech: Speech, link: Link, settings: Settings, tell: Tell = tell_nobody
) -> Delivery:
    """Have the peer deal with a proposal. If the link breaks before its answer, the same proposal is sent again once the
    link is back: where it had arrived, that changes nothing and only tells what came of it."""
    attempts = 0

    async def attempt(seconds: float) -> Delivery:
        nonlocal attempts
        attempts += 1
        delivery = await send(proposed, known, speech, link, seconds, tell)
        if delivery.answer.result == "busy" and attempts > 1:
            raise Failure(f"service {proposed.title}: {settings.peer} is still at work on it")
        return replace(delivery, round_trips=delivery.round_trips + attempts - 1)

    try:
        delivery = await link.retry_if_lost(attempt, ANSWER_TIME)
    except Lost as lost:
        raise Failure(
            f"service {proposed.title}: {lost}: {settings.peer} has the old state or the new one, whole",
            f"once csync status is not red: csync diff {proposed.title}; to push again does no harm",
        ) from None
    if delivery.answer.result == "busy":
        return replace(delivery, answer=replace(delivery.answer, result="refused"))
    _require_sound(proposed, delivery.answer, settings)
    return delivery


async def send(
    proposed: Proposal, known: Known | None, speech: Speech, link: Link, seconds: float, tell: Tell = tell_nobody
) -> Delivery:
    """Send a proposal, as a difference to what the peer has if that is known. Once more as a whole if it has something else,
    and once more with the contents that the peer says it lacks."""
    round_trips = 0
    while True:
        round_trips += 1
        answer = await ask(proposed, known, speech, link, seconds, tell)
        if answer.result not in ("lacking", "diverged"):
            return Delivery(answer, round_trips)
        if round_trips == MOST_ROUND_TRIPS:
            raise Failure(f"service {proposed.title}: the peer changes while it is being pushed to", "push again")
        known = None
        digests = {*proposed.contents, *answer.lacking}
        proposed = replace(proposed, contents=contents_of(proposed.service, proposed.entries, proposed.title, digests))


async def ask(
    proposed: Proposal, known: Known | None, speech: Speech, link: Link, seconds: float, tell: Tell = tell_nobody
) -> Report:
    """Send a proposal as it is, once; what the peer answers."""
    if speech.version >= 3:
        body = await asyncio.to_thread(proposal_body.encode, proposed, known, speech, tell)
    else:
        body = proposed.encode(speech.version)
    return await link.request("/v1/push", body, push_report.parse, lane="push", timeout=seconds)


def contents_of(service: Service, entries: Mapping[str, Entry], title: str, digests: set[str]) -> Contents:
    """The contents with these digests, as they are applied here."""
    return contents.of_files(entries, applied.files_directory(title), service.owns, digests)


def _require_sound(proposed: Proposal, answer: Report, settings: Settings) -> None:
    """Failure if the peer says what cannot have come of it. What it has is compared with what was pushed, and not believed."""
    if answer.result == "differs" or answer.confirm not in (0, proposed.confirm):
        raise unasked_answer(proposed.title, settings)
    if answer.result in SUCCESSES and answer.state != proposal_changes.proposed_digest(proposed):
        raise Failure(
            f"service {proposed.title}: {settings.peer} says that it is {answer.result}, but has something else there now",
            f"csync diff {proposed.title}",
        )


def unasked_answer(title: str, settings: Settings) -> Failure:
    """What to raise about an answer to what nobody asked."""
    return Failure(f"service {title}: the answer of {settings.peer} is none to what was asked", MALFORMED)
