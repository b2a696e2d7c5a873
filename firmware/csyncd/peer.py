"""What a peer's socket offers: four verbs, on services and on standings, never on paths or commands.

Which peer speaks is known by the socket that it came through, and so by its key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from firmware.csyncd import unsettled
from firmware.csyncd.pair import Pair
from firmware.errors import Failure, full_text, outcome
from firmware.flows import receive
from firmware.flows.confirm import confirmed
from firmware.flows.save import save
from firmware.http11.server import Request
from firmware.http11.wire import Response
from firmware.printable import shorten
from firmware.sync import audit, proposal
from firmware.sync.gate import Visitor
from firmware.sync.report import Report

#: held while a push of that service is dealt with, so that peers come in the order in which they asked: else one that pushes
#: all the time would have all others told that somebody else is at work on it
_turns: dict[str, asyncio.Lock] = {}

Verb = Callable[[Pair, Visitor, dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer(pair: Pair, visitor: Visitor, request: Request, origin: Callable[[], str]) -> Response:
    """Answer one request of that peer; what it may not do is refused with the reason. `origin` finds out its address, which
    takes as long as there are many connections on the node."""
    verb = VERBS.get(request.path)
    if verb is None:
        return Response(404, {"error": f"{request.path[:100]}: the peer API has no such verb"})
    if request.method != "POST":
        return Response(405, {"error": f"{request.method[:100]}: the peer API knows only POST"})
    try:
        told = await request.json()
        if verb is not _standing:
            visitor = replace(visitor, address=await asyncio.to_thread(origin), gone=request.gone)
        return Response(200, await verb(pair, visitor, told))
    except Failure as error:
        return Response(409, {"error": shorten(full_text(error)), "hint": shorten(error.hint), "exit": error.status})


async def _standing(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    return (await pair.heard(told, visitor.node)).json()


async def _push(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        offer = await asyncio.to_thread(proposal.parse, told)
    except Failure as error:
        why = shorten(full_text(error))
        audit.note("push received", who=visitor.who, result="refused", message=why)
        return Report("refused", why, shorten(error.hint)).json()
    told.clear()  # what it says is in the offer; it would lie here until all is done
    try:
        async with _turns.setdefault(offer.title, asyncio.Lock()):
            return await asyncio.to_thread(receive.receive, offer, visitor)
    finally:
        unsettled.see_to_it()


async def _confirm(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    try:
        title, push = proposal.mark(told, "service", proposal.TITLE), proposal.mark(told, "push", proposal.PUSH)
        return await asyncio.to_thread(confirmed, title, push, visitor)
    except Failure as error:
        audit.note("confirm received", who=visitor.who, result="refused", message=shorten(full_text(error)))
        raise


async def _save(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        saved = await asyncio.to_thread(save, f"saved by {visitor.name}", who=visitor.name)
    except Failure as error:
        audit.note("save", who=visitor.who, result=outcome(error), message=shorten(full_text(error)))
        raise
    audit.note("save", who=visitor.who, result="saved" if saved.fresh else "unchanged", digest=saved.digest)
    return dict(saved.json())


VERBS: dict[str, Verb] = {"/v1/standing": _standing, "/v1/push": _push, "/v1/confirm": _confirm, "/v1/save": _save}
