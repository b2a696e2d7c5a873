"""What a peer's socket offers: four verbs, on services and on node states, never on paths or commands.

Which peer speaks is known by the socket that it came through, and so by its key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from firmware.blocks import Blocks
from firmware.csyncd import heap, recovery_timer, saver
from firmware.csyncd.pair import Pair
from firmware.csyncd.turns import Turns
from firmware.errors import Failure, Refused, from_system, full_text
from firmware.flows import receive
from firmware.flows.confirm import receive_confirm
from firmware.http11.server import Request
from firmware.http11.wire import Response
from firmware.printable import shorten
from firmware.sync import audit, proposal, proposal_body
from firmware.sync.message import PUSH, TITLE, Message
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.proposal import Proposal
from firmware.sync.push_report import Report

#: held while a push of that service is dealt with, so that peers come in the order in which they asked: else one that pushes
#: all the time would have all others told that somebody else is at work on it
_turns: dict[str, asyncio.Lock] = {}

#: how often a peer may ask for each: a save wears the flash out, and what a standing costs is all of /etc read and hashed
TURNS = {
    "/v1/standing": Turns(20, 0.2),
    "/v1/push": Turns(100, 0.1),
    "/v1/confirm": Turns(20, 0.2),
    "/v1/save": Turns(10, 3.0),
}

Verb = Callable[[Pair, RemotePeer, dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer(pair: Pair, remote: RemotePeer, request: Request, origin: Callable[[], str]) -> Response:
    """Answer one request of that peer; what it may not do is refused with the reason. `origin` finds out its address, once
    for a connection, which takes as long as there are many connections on the node."""
    verb = VERBS.get(request.path)
    if verb is None:
        return Response(404, {"error": f"{request.path[:100]}: the peer API has no such verb"})
    if request.method != "POST":
        return Response(405, {"error": f"{request.method[:100]}: the peer API knows only POST"})
    try:
        body = {} if request.file is not None else await request.json()
        await TURNS[request.path].wait(remote.name)
        remote = replace(remote, address=await asyncio.to_thread(origin), has_gone=request.has_gone)
        if request.file is not None:
            return Response(200, await _receive_blocks(verb, pair, remote, request.file))
        return Response(200, await verb(pair, remote, body))
    except (Failure, OSError) as raised:
        error = from_system(raised) if isinstance(raised, OSError) else raised
        return Response(409, {"error": shorten(full_text(error)), "hint": shorten(error.hint), "exit": error.status})


async def _exchange_states(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    message = Message(body, f"the standing of {remote.name}: it is malformed")
    return (await pair.receive_state(message, remote)).json()


async def _receive_push(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    def parse() -> Proposal:
        offer = proposal.parse(body)
        body.clear()  # what it says is in the offer; it would lie here until all is done
        return offer

    return await _deal_with_push(pair, remote, parse)


async def _receive_blocks(verb: Verb, pair: Pair, remote: RemotePeer, file: int) -> dict[str, Any]:
    """A push that came in blocks; nothing else may."""
    if verb is not _receive_push:
        raise Refused("the message: it is not JSON")
    found = await asyncio.to_thread(Blocks, file)
    return await _deal_with_push(pair, remote, partial(proposal_body.parse, found))


async def _deal_with_push(pair: Pair, remote: RemotePeer, parse: Callable[[], Proposal]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    pair.refuse_twin(remote)
    try:
        offer = await asyncio.to_thread(parse)
    except (Failure, OSError) as raised:
        error = audit.in_words("push", raised)
        why, result = shorten(full_text(error)), "failed" if isinstance(raised, OSError) else "refused"
        audit.note("push received", who=remote.who, result=result, by_peer=True, message=why)
        return Report(result, why, shorten(error.hint)).json()
    try:
        async with _turns.setdefault(offer.title, asyncio.Lock()), pair.hold_notices():
            return await asyncio.to_thread(receive.answer, offer, remote)
    finally:
        recovery_timer.schedule_recovery()


async def _receive_confirm(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    with audit.note_errors("confirm received", who=remote.who, by_peer=True):
        message = Message(body, error=Refused)
        title, push = message.token("service", TITLE, ""), message.token("push", PUSH, "")
        answer = await asyncio.to_thread(receive_confirm, title, push, remote)
        recovery_timer.keep_one_sleeper()
        return answer


async def _save(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    pair.refuse_twin(remote)
    with audit.note_errors("save", who=remote.who, by_peer=True):
        async with heap.large_work:
            saved = await asyncio.to_thread(saver.save_for_peer, remote.name)
    result = "saved" if saved["fresh"] else "unchanged"
    audit.note("save", who=remote.who, result=result, by_peer=True, digest=saved["digest"])
    return saved


VERBS: dict[str, Verb] = {
    "/v1/standing": _exchange_states,
    "/v1/push": _receive_push,
    "/v1/confirm": _receive_confirm,
    "/v1/save": _save,
}
