"""What a peer's socket offers: four verbs, on services and on node states, never on paths or commands.

Which peer speaks is known by the socket that it came through, and so by its key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from firmware.csyncd import recovery_timer
from firmware.csyncd.pair import Pair
from firmware.errors import Failure, Refused, full_text, outcome
from firmware.flows import receive
from firmware.flows.confirm import receive_confirm
from firmware.flows.save import save
from firmware.http11.server import Request
from firmware.http11.wire import Response
from firmware.printable import shorten
from firmware.sync import audit, proposal
from firmware.sync.message import PUSH, TITLE, Message
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.push_report import Report

#: held while a push of that service is dealt with, so that peers come in the order in which they asked: else one that pushes
#: all the time would have all others told that somebody else is at work on it
_turns: dict[str, asyncio.Lock] = {}

#: saves of one peer that nobody waits for, and the seconds that each one beyond them has to wait for the one before it
SAVES_AT_ONCE, SAVE_INTERVAL = 10, 3.0
#: when the last save that a peer asked for is due, by its name
_save_turns: dict[str, float] = {}

Verb = Callable[[Pair, RemotePeer, dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer(pair: Pair, remote: RemotePeer, request: Request, origin: Callable[[], str]) -> Response:
    """Answer one request of that peer; what it may not do is refused with the reason. `origin` finds out its address, which
    takes as long as there are many connections on the node."""
    verb = VERBS.get(request.path)
    if verb is None:
        return Response(404, {"error": f"{request.path[:100]}: the peer API has no such verb"})
    if request.method != "POST":
        return Response(405, {"error": f"{request.method[:100]}: the peer API knows only POST"})
    try:
        body = await request.json()
        if verb is not _exchange_states:
            remote = replace(remote, address=await asyncio.to_thread(origin), has_gone=request.has_gone)
        return Response(200, await verb(pair, remote, body))
    except Failure as error:
        return Response(409, {"error": shorten(full_text(error)), "hint": shorten(error.hint), "exit": error.status})


async def _exchange_states(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    message = Message(body, f"the standing of {remote.name}: it is malformed")
    return (await pair.receive_state(message, remote.node)).json()


async def _receive_push(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        offer = await asyncio.to_thread(proposal.parse, body)
    except Failure as error:
        why = shorten(full_text(error))
        audit.note("push received", who=remote.who, result="refused", message=why)
        return Report("refused", why, shorten(error.hint)).json()
    body.clear()  # what it says is in the offer; it would lie here until all is done
    try:
        async with _turns.setdefault(offer.title, asyncio.Lock()):
            return await asyncio.to_thread(receive.answer, offer, remote)
    finally:
        recovery_timer.schedule_recovery()


async def _receive_confirm(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    try:
        message = Message(body, error=Refused)
        title, push = message.token("service", TITLE, ""), message.token("push", PUSH, "")
        answer = await asyncio.to_thread(receive_confirm, title, push, remote)
        recovery_timer.keep_one_sleeper()
        return answer
    except Failure as error:
        audit.note("confirm received", who=remote.who, result="refused", message=shorten(full_text(error)))
        raise


async def _save(pair: Pair, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    await _wait_for_save_turn(remote.name)
    try:
        saved = await asyncio.to_thread(save, f"saved by {remote.name}", who=remote.name)
    except Failure as error:
        audit.note("save", who=remote.who, result=outcome(error), message=shorten(full_text(error)))
        raise
    audit.note("save", who=remote.who, result="saved" if saved.fresh else "unchanged", digest=saved.digest)
    return dict(saved.json())


async def _wait_for_save_turn(name: str) -> None:
    """Wait as long as that peer has to. A save wears the flash out, so it may not have one save after the other."""
    now = asyncio.get_running_loop().time()
    _save_turns[name] = max(_save_turns.get(name, 0.0), now - SAVES_AT_ONCE * SAVE_INTERVAL) + SAVE_INTERVAL
    await asyncio.sleep(_save_turns[name] - now)


VERBS: dict[str, Verb] = {
    "/v1/standing": _exchange_states,
    "/v1/push": _receive_push,
    "/v1/confirm": _receive_confirm,
    "/v1/save": _save,
}
