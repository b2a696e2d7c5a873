"""What a peer's socket offers: four verbs, on services and on standings, never on paths or commands.

Which peer speaks is known by the socket that it came through, and so by its key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from firmware import processes
from firmware.csyncd import waiting
from firmware.csyncd.pair import Pair
from firmware.errors import Failure, Refused, whole, word
from firmware.flows import receive
from firmware.flows.confirm import confirmed
from firmware.flows.save import save
from firmware.http11 import Request, Response
from firmware.sync import audit, proposal
from firmware.sync.gate import Visitor
from firmware.sync.report import Report

Verb = Callable[[Pair, Visitor, dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer(pair: Pair, visitor: Visitor, request: Request, pid: int) -> Response:
    """Answer one request of that peer, whose sshd session has that pid; what it may not do is refused with the reason."""
    verb = VERBS.get(request.path)
    if verb is None or request.method != "POST":
        return Response(404, {"error": f"{request.method} {request.path}: the peer API has no such verb"})
    try:
        if verb is not _standing:
            visitor = replace(visitor, address=processes.remote_address(pid))
        return Response(200, await verb(pair, visitor, request.json()))
    except Failure as error:
        return Response(409, {"error": whole(error), "hint": error.hint, "exit": error.status})


async def _standing(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    return (await pair.heard(told)).json()


async def _push(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        offer = await asyncio.to_thread(proposal.parse, told)
    except Refused as error:
        audit.note("push received", who=visitor.who, result="refused", message=str(error))
        return Report("refused", str(error), error.hint).json()
    told = await asyncio.to_thread(receive.receive, offer, visitor)
    waiting.revert_later()
    return told


async def _confirm(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    title, push = (str(told.get(key, "")) for key in ("service", "push"))
    try:
        return await asyncio.to_thread(confirmed, title, push, visitor)
    except Failure as error:
        audit.note("confirm received", who=visitor.who, result="refused", service=title, message=whole(error))
        raise


async def _save(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        saved = await asyncio.to_thread(save, f"saved by {visitor.name}", who=visitor.name)
    except Failure as error:
        audit.note("save", who=visitor.who, result=word(error), message=whole(error))
        raise
    audit.note("save", who=visitor.who, result="saved", digest=saved.digest)
    return dict(saved.json())


VERBS: dict[str, Verb] = {"/v1/standing": _standing, "/v1/push": _push, "/v1/confirm": _confirm, "/v1/save": _save}
