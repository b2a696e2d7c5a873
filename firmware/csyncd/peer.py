"""What a peer's socket offers: three verbs, on services and on standings, never on paths or commands.

Which peer speaks is known by the socket that it came through, and so by its key.
"""

import asyncio
from typing import Any

from firmware.csyncd.pair import Pair
from firmware.errors import Failure, Refused
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
    except Refused as error:
        audit.note(
            "request refused", who=f"{visitor.name} ({visitor.key.fingerprint})", result="refused", message=str(error)
        )
        return Response(200, {**receive.Report("refused", str(error), error.hint).json(), "error": str(error)})
    except Failure as error:
        return Response(400, {"error": str(error)})


async def _standing(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    return (await pair.heard(told)).json()


async def _push(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    offer = await asyncio.to_thread(proposal.parse, told)
    return (await asyncio.to_thread(receive.receive, offer, visitor)).json()


async def _save(pair: Pair, visitor: Visitor, told: dict[str, Any]) -> dict[str, Any]:
    await pair.refuse_mismatch()
    try:
        saved = await asyncio.to_thread(save, f"saved by {visitor.name}", who=visitor.name)
    except Failure as error:
        audit.note("save", who=visitor.name, result="failed", message=str(error))
        return {"error": str(error), "hint": error.hint}
    audit.note("save", who=visitor.name, result="saved", digest=saved.digest)
    return dict(saved.json())
