"""Push a service to the peer: the whole story stands in `push`; the receiving half is `flows.receive`.

what is applied here → a proposal, with the contents that the peer lacks since the last sync → one request → (a second, if
it lacks more) → the peer's report, and only then success.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from firmware import __version__, log
from firmware.errors import Busy, Failure, Refused, Usage, from_system, full_text, outcome, system_hint
from firmware.faults import fault_point
from firmware.flows import delivery, recovery
from firmware.locks import hold, push_lock
from firmware.rc import check, document
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.rc.title import Title
from firmware.services import applied, catalog, confirmation, content
from firmware.services.content import Content
from firmware.services.definition import Context, Service
from firmware.sync import (
    acceptable,
    ancestor,
    audit,
    keys,
    proposal_changes,
    push_report,
    space,
    synced,
    transaction,
    unconfirmed_push,
    versions,
)
from firmware.sync.acceptable import Limits
from firmware.sync.audit import Who
from firmware.sync.keys import KnownPeer
from firmware.sync.link import Link
from firmware.sync.node_state import NodeState
from firmware.sync.progress import Tell, tell_nobody
from firmware.sync.proposal import Proposal
from firmware.sync.push_report import Report
from firmware.sync.settings import Settings
from firmware.sync.unconfirmed_push import UnconfirmedPush
from firmware.sync.versions import Speech, Versions

#: seconds to wait for another push of the service, from here or to here
LOCK_TIME = 5.0
#: results of a question what would change
DRY_RESULTS = ("differs", "unchanged", "refused", "failed", "busy")

AskAgain = Callable[[], Awaitable[NodeState]]


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What the operator asked for: the service, who asks, the peer's state that --force may overwrite ("" without it), and
    the seconds within which the push has to be confirmed (0: it has not to be), and who is told
    how far it is."""

    title: str
    who: Who
    shown: str = ""
    confirm: int = 0
    tell: Tell = tell_nobody


async def push(
    request: PushRequest, link: Link, settings: Settings, theirs: NodeState, ask_again: AskAgain
) -> dict[str, Any]:
    """Push a service and return the report of `csync push --json`. `theirs` is what the peer told last, and `ask_again` asks it
    now: whether there is room for it is known before anything is sent."""
    began = time.monotonic()
    try:
        async with _exclusive_push(request.title):
            speech = _require_common_speech(request, theirs, settings)
            proposed = await _fitting_proposal(request, speech, settings, theirs, ask_again)
            proposed = replace(proposed, push=secrets.token_hex(16), expect=request.shown)
            fault_point("push.proposed")
            known = await asyncio.to_thread(delivery.what_peer_has, proposed, theirs, speech)
            # The peer takes as long for a large file as its signature takes here.
            signing = asyncio.create_task(asyncio.to_thread(_add_signatures, proposed))
            try:
                delivered = await delivery.deliver(proposed, known, speech, link, settings, request.tell)
            finally:
                await signing
            del known  # as large as what was pushed
            fault_point("push.answered")
    except (Failure, OSError) as raised:
        error = from_system(raised) if isinstance(raised, OSError) else raised
        _note(request, settings, outcome(error), message=full_text(error))
        raise error from None
    answer = await asyncio.to_thread(_note_outcome, proposed, delivered.answer, settings)
    fault_point("push.agreed")
    details = push_report.trail_details(answer.json())
    _note(
        request,
        settings,
        answer.result,
        push=proposed.push,
        reported_by=settings.peer,
        confirm=answer.confirm,
        **details,
    )
    cost = {"round_trips": delivered.round_trips, "seconds": round(time.monotonic() - began, 3)}
    warnings = await asyncio.to_thread(_warnings, request.title, answer, settings)
    return {"service": request.title, "node": settings.remote_node, **answer.json(), "warnings": warnings, **cost}


async def preview(
    title: str, link: Link, settings: Settings, theirs: NodeState, ask_again: AskAgain, tell: Tell = tell_nobody
) -> dict[str, Any]:
    """What a push would change on the peer: the report of `csync diff --json`; nothing is changed."""
    request = PushRequest(title, audit.THIS_NODE)
    speech = _require_common_speech(request, theirs, settings)
    proposed = replace(await _fitting_proposal(request, speech, settings, theirs, ask_again), dry=True)
    known = await asyncio.to_thread(delivery.what_peer_has, proposed, theirs, speech)
    delivered = await link.retry_if_lost(
        lambda seconds: delivery.send(proposed, known, speech, link, seconds, tell), delivery.ANSWER_TIME
    )
    if delivered.answer.result not in DRY_RESULTS:
        raise delivery.unasked_answer(title, settings)
    return {"service": title, "node": settings.remote_node, **delivered.answer.json()}


async def state_there(
    request: PushRequest, link: Link, settings: Settings, theirs: NodeState, ask_again: AskAgain
) -> str:
    """The digest of what the peer has of the service now, which it says of a proposal without any content."""
    speech = _require_common_speech(request, theirs, settings)
    proposed = replace(await _fitting_proposal(request, speech, settings, theirs, ask_again), dry=True, contents={})
    return (await delivery.ask(proposed, None, speech, link, delivery.ANSWER_TIME)).state


def _warnings(title: str, answer: Report, settings: Settings) -> dict[str, list[str]]:
    """What the checkers of both nodes warn of, by the numbers of the nodes: here when it was applied, there just now."""
    there = answer.check.output if answer.check and not answer.check.status else ""
    words = {settings.local_node: applied.warnings(title), settings.remote_node: there}
    return {str(node): text.splitlines() for node, text in words.items()}


@asynccontextmanager
async def _exclusive_push(title: str) -> AsyncIterator[None]:
    """Have pushes of the service for ourselves, once others are done with theirs; Busy if they are not within LOCK_TIME
    seconds. While we push it there, nobody pushes it here: two that cross would swap what both nodes have."""
    deadline = time.monotonic() + LOCK_TIME
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(hold(push_lock(title), wait=False))
                break
            except Busy:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.02)
        yield


async def _fitting_proposal(
    request: PushRequest, speech: Speech, settings: Settings, theirs: NodeState, ask_again: AskAgain
) -> Proposal:
    """The proposal, for which there is room on the peer. Its room changes all the time: where what is known of it is not
    enough, it is asked again."""
    limits = acceptable.LIMITS if theirs.room and speech.version >= 3 else acceptable.OLDER
    proposed = await asyncio.to_thread(make_proposal, request.title, keys.known_peer(settings), limits)
    proposed = replace(proposed, confirm=request.confirm)
    try:
        _require_room(proposed, theirs, settings)
    except Refused:
        _require_room(proposed, await ask_again(), settings)
    return proposed


def _require_room(proposed: Proposal, theirs: NodeState, settings: Settings) -> None:
    told = theirs.services.get(proposed.title)
    is_there = told is not None and told.files == proposal_changes.proposed_digest(proposed)
    if theirs.room and not is_there:
        old = synced.find(proposed.title) if proposed.confirm else None
        kept = sum(entry.size for entry in old.entries.values()) if old else 0
        space.require_room(proposed.service, proposed.entries, theirs.room, settings.peer, beside=kept)


def make_proposal(title: str, peer: KnownPeer, limits: Limits = acceptable.LIMITS) -> Proposal:
    """The service as it is applied here, and the contents that the peer lacks if it still has what was synced last."""
    recovery.refuse_while_waiting()
    service, block, now = require_pushable(title)
    entries = now.entries
    acceptable.require_sendable(service, entries, limits)
    last = ancestor.find(peer, title)
    new_digests = {entry.digest for entry in entries.values()} - set(last.files) if last else set()
    sent = delivery.contents_of(service, entries, title, new_digests)
    return Proposal(service, block, entries, sent, base=last.digest if last else "", state=now.digest)


def _instances_text(config: Document, title: str) -> str:
    """Which instances there are of a service that does not stand in config.rc under that title; "" for none."""
    titles = [block.title for block in config.first_blocks if block.name == Title.parse(title).service]
    return f"there is {', '.join(titles)}, and " if titles and title not in titles else ""


def require_pushable(title: str) -> tuple[Service, Block, Content]:
    """The service, its block and its content, if it may be pushed and runs as it lies on disk, so that these are what is
    applied; Refused with the reason otherwise."""
    config, service = document.read(), catalog.find(Title.parse(title).service)
    block = config.find_unique(Title.parse(title))
    if service is not None and service.node_specific:  # whatever instance is named or left out
        raise Refused(
            f"service {title}: {_instances_text(config, title)}it stays on this node: {service.node_specific}"
        )
    if service is None:
        raise Usage(f"service {title}: there is no such service", "service list")
    if block is None:
        instances = _instances_text(config, title)
        raise Failure(f"service {title}: {instances}it is not in {document.PATH}", "service list")
    if peers_own := check.peer_problems(block, service):
        raise Refused(f"service {title}: {'; '.join(peers_own)}", f"config del {title} KEY, or edit {document.PATH}")
    confirmation.refuse_while_waiting(service.name)
    now = content.read(service, block)
    if not applied.is_applied(service, Context.of(service, block, config), now.digest):
        raise Refused(f"service {title}: it has changes that are not applied here", f"service {title} apply")
    return service, block, now


def _require_common_speech(request: PushRequest, theirs: NodeState, settings: Settings) -> Speech:
    """How to speak to the peer; Refused if the peer cannot do what is asked for."""
    ours = Versions(__version__)
    if request.confirm and "confirm" not in theirs.versions.can:
        raise Refused(
            f"service {request.title}: {settings.peer} cannot put back what is not confirmed: {ours} here, "
            f"{theirs.versions} on the peer",
            "push without --confirm, or install the same version there",
        )
    return versions.common_speech(ours, theirs.versions)


def _add_signatures(proposed: Proposal) -> None:
    """A push does without them, whatever is in their way: the next one sends more."""
    title, owns = proposed.title, proposed.service.owns
    try:
        synced.add_signatures(title, proposed.entries, applied.files_directory(title), owns)
    except Exception as error:
        log.line(f"service {title}: no signatures: {audit.in_words(title, error)}")


def _note_outcome(proposed: Proposal, answer: Report, settings: Settings) -> Report:
    """Note what both nodes have now, or what waits; returns the report, which also says if there was no room for that."""
    if answer.result not in delivery.SUCCESSES:
        if answer.result == "failed" and answer.check is None:
            synced.forget(proposed.title)  # what was believed of the peer may be why
        return answer
    state = proposal_changes.proposed_digest(proposed)
    digests = tuple(entry.digest for entry in proposed.entries.values() if entry.kind == "file")
    synced.keep(proposed.title, state, proposed.entries)
    synced.keep_signatures(
        proposed.title, proposed.entries, applied.files_directory(proposed.title), proposed.service.owns
    )
    try:
        if answer.confirm:
            deadline = transaction.boot_clock() + answer.confirm
            waiting = (proposed.push, proposed.title, settings.remote_node, state, digests, deadline)
            unconfirmed_push.write(UnconfirmedPush(*waiting))
        else:
            peer = keys.known_peer(settings)
            ancestor.record(peer, proposed.title, state, digests, pushed_by=settings.local_node)
    except OSError as error:
        why = f"{settings.peer} has what was pushed, but that could not be noted here: {from_system(error)}"
        return replace(answer, message="; ".join(filter(None, (answer.message, why))), hint=system_hint(error))
    return answer


def _note(request: PushRequest, settings: Settings, result: str, **details: Any) -> None:
    audit.note("push", who=request.who, result=result, service=request.title, to=settings.peer, **details)
