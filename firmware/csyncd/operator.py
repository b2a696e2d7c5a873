"""What the operator's socket offers: push, diff, status and save. Root alone can open it; the commands and the web UI use it."""

from collections.abc import Awaitable, Callable
from typing import Any

from firmware.csyncd.pair import Pair
from firmware.errors import Failure, Invalid
from firmware.flows import push as flow
from firmware.http11 import Request, Response
from firmware.sync import audit

Verb = Callable[[Pair, dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer(pair: Pair, request: Request) -> Response:
    """Answer one request; an error travels with its exit status and hint."""
    verb = VERBS.get(request.path)
    if verb is None or request.method != "POST":
        return Response(404, {"error": f"{request.path}: no such verb"})
    try:
        return Response(200, await verb(pair, request.json()))
    except Failure as error:
        problems = list(error.problems) if isinstance(error, Invalid) else []
        return Response(409, {"error": str(error), "hint": error.hint, "exit": error.status, "problems": problems})


async def _status(pair: Pair, asked: dict[str, Any]) -> dict[str, Any]:
    return await pair.status()


async def _diff(pair: Pair, asked: dict[str, Any]) -> dict[str, Any]:
    await _ready(pair)
    report = await flow.preview(asked["service"], pair.link, pair.settings)
    pair.shown[asked["service"]] = report["state"]
    return report


async def _push(pair: Pair, asked: dict[str, Any]) -> dict[str, Any]:
    await _ready(pair)
    title, shown = asked["service"], ""
    if asked.get("force"):
        # What --force may overwrite is what somebody has seen: the last refusal or diff, else what is there now.
        shown = pair.shown.pop(title, "") or (await flow.preview(title, pair.link, pair.settings))["state"]
    report = await flow.push(title, pair.link, pair.settings, shown=shown)
    if report["result"] == "refused" and report["state"]:
        pair.shown[title] = report["state"]
    else:
        pair.shown.pop(title, None)
    return report


async def _save(pair: Pair, asked: dict[str, Any]) -> dict[str, Any]:
    await _ready(pair)
    report = await pair.link.request("/v1/save", {}, lane="push", timeout=60)
    audit.note("remote save", who="operator", result="saved", to=pair.settings.peer, digest=report.get("digest"))
    return {"node": pair.settings.remote_node, **report}


async def _ready(pair: Pair) -> None:
    await pair.link.settled(6.0)
    await pair.refuse_mismatch()


VERBS: dict[str, Verb] = {"/status": _status, "/diff": _diff, "/push": _push, "/save": _save}
