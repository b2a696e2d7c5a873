"""What a peer's socket offers: three verbs, on services and on standings, never on paths or commands.

Which peer speaks is known by the socket that it came through, and so by its key.
"""

import asyncio
from typing import Any

from firmware.csyncd.pair import Pair
from firmware.errors import Failure, Refused, whole
from firmware.flows import receive
from firmware.flows.save import save
from firmware.http11 import Request, Response
from firmware.sync import audit, proposal
from firmware.sync.gate import Visitor


async def answer(pair: Pair, visitor: Visitor, request: Request) -> Response:
    """Answer one request of that peer; what it may not do is refused with the reason."""
    verb = {"/v1/standing": _standing, "/v1/push": _push, "/v1/save": _save}.get(request.path)
    if verb is None or request.method != "POST":
        return Response(404, {"error": f"{request.method} {request.path}: the peer API has no such verb"})
    try:
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
        _note("push received", visitor, "refused", message=str(error))
        return receive.Report("refused", str(error), error.hint).json()
    return (await asyncio.to_thread(receive.receive, offer, visitor)).json()


async def _save(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        saved = await asyncio.to_thread(save, f"saved by {visitor.name}", who=visitor.name)
    except Failure as error:
        _note("save", visitor, "failed", message=whole(error))
        raise
    _note("save", visitor, "saved", digest=saved.digest)
    return dict(saved.json())


def _note(event: str, visitor: Visitor, result: str, **details: Any) -> None:
    audit.note(event, who=f"{visitor.name} ({visitor.key.fingerprint})", result=result, **details)
