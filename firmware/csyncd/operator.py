"""What the operator's socket offers: push, diff, confirm, status and save. Root alone can open it, and so its commands."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from firmware import run
from firmware.csyncd.pair import Pair
from firmware.errors import Failure, Invalid, Usage, from_system
from firmware.flows import push as flow
from firmware.flows.confirm import confirm
from firmware.http11.server import Request
from firmware.http11.wire import Response
from firmware.printable import shorten
from firmware.sync import audit, peer_save
from firmware.sync.audit import Who
from firmware.sync.message import TITLE
from firmware.sync.progress import Progress, Tell, tell_nobody

#: seconds that the peer may take for a save
SAVE_TIME = 60.0
#: seconds between two words about how far a push is
TELL_INTERVAL = 0.2

Verb = Callable[[Pair, dict[str, Any], Who, Tell], Awaitable[dict[str, Any]]]


async def answer(pair: Pair, request: Request) -> Response:
    """Answer one request; an error travels with its exit status and hint, and with either go the commands that were run for it
    here, if it is to be `verbose`."""
    verb = VERBS.get(request.path)
    if verb is None or request.method != "POST":
        return Response(404, {"error": f"{request.path}: no such verb"})
    try:
        body = await request.json()
    except (Failure, OSError) as raised:
        return _error_response(raised)
    with run.note_commands() as commands:
        done = await _carry_out(verb, pair, body, _teller(request) if body.get("progress") else tell_nobody)
    return replace(done, content={**done.content, "commands": commands}) if body.get("verbose") else done


def _teller(request: Request) -> Tell:
    """What informs who asked, often enough for eyes; any thread may call it."""
    loop, told, phase = asyncio.get_running_loop(), 0.0, ""

    def tell(progress: Progress) -> None:
        nonlocal told, phase
        now = loop.time()
        if now >= told + TELL_INTERVAL or progress.phase != phase:
            told, phase = now, progress.phase
            loop.call_soon_threadsafe(request.inform, progress.json())

    return tell


async def _carry_out(verb: "Verb", pair: Pair, body: dict[str, Any], tell: Tell) -> Response:
    try:
        who = Who(**body.get("by", {"account": "root"}))
        try:
            return Response(200, await verb(pair, body, who, tell))
        except asyncio.CancelledError:
            _note_unknown_outcome(pair, verb, body, who)
            raise
    except (Failure, OSError) as raised:
        return _error_response(raised)


def _error_response(raised: Failure | OSError) -> Response:
    error = from_system(raised) if isinstance(raised, OSError) else raised
    problems = list(error.problems) if isinstance(error, Invalid) else []
    return Response(409, {"error": str(error), "hint": error.hint, "exit": error.status, "problems": problems})


def _note_unknown_outcome(pair: Pair, verb: Verb, body: dict[str, Any], who: Who) -> None:
    """csyncd ends before the peer has answered: the trail tells that it was asked."""
    if verb in TRAIL:
        why = f"csyncd was stopped before {pair.settings.peer} answered: csync log there tells what came of it"
        about = {"service": body["service"]} if "service" in body else {}
        audit.note(TRAIL[verb], who=who, result="unknown", to=pair.settings.peer, message=why, **about)


async def _status(pair: Pair, body: dict[str, Any], who: Who, tell: Tell) -> dict[str, Any]:
    return await pair.status()


async def _diff(pair: Pair, body: dict[str, Any], who: Who, tell: Tell) -> dict[str, Any]:
    title, theirs = _require_title(body), await pair.wait_for_peer()
    report = await flow.preview(title, pair.link, pair.settings, theirs, pair.exchange_states, tell)
    pair.shown_states[title] = report["state"]
    pair.note_content(title, report["state"])
    return report


async def _push(pair: Pair, body: dict[str, Any], who: Who, tell: Tell) -> dict[str, Any]:
    theirs = await pair.wait_for_peer()
    title, shown = _require_title(body), ""
    if body.get("force"):
        # What --force may overwrite is what somebody has seen: the last refusal or diff, else what is there now.
        asked = flow.PushRequest(title, who)
        shown = pair.shown_states.pop(title, "") or await flow.state_there(
            asked, pair.link, pair.settings, theirs, pair.exchange_states
        )
    request = flow.PushRequest(title, who, shown, body.get("confirm", 0), tell)
    async with pair.hold_notices():
        report = await flow.push(request, pair.link, pair.settings, theirs, pair.exchange_states)
    pair.note_content(title, report["state"])
    if report["result"] == "refused" and report["state"]:
        pair.shown_states[title] = report["state"]
    else:
        pair.shown_states.pop(title, None)
    return report


def _require_title(body: dict[str, Any]) -> str:
    """The service that is asked for. What is no name of one would else become that of a lock."""
    if not TITLE.fullmatch(body["service"]):
        raise Usage(f"service {shorten(body['service'], 100)}: there is no such service", "service list")
    return str(body["service"])


async def _confirm(pair: Pair, body: dict[str, Any], who: Who, tell: Tell) -> dict[str, Any]:
    await pair.wait_for_peer()
    theirs = await pair.exchange_states()
    # Before it is: the peer's notice that nothing waits any more may be faster than its answer.
    pair.confirming = True
    try:
        return await confirm(pair.link, pair.settings, theirs, who)
    finally:
        pair.confirming = False


async def _save(pair: Pair, body: dict[str, Any], who: Who, tell: Tell) -> dict[str, Any]:
    await pair.wait_for_peer()
    with audit.note_errors(TRAIL[_save], who=who, to=pair.settings.peer):
        report = await pair.link.retry_if_lost(
            lambda seconds: pair.link.request("/v1/save", {}, peer_save.parse, lane="push", timeout=seconds), SAVE_TIME
        )
    result, peer = "saved" if report.fresh else "unchanged", pair.settings.peer
    audit.note(TRAIL[_save], who=who, result=result, to=peer, reported_by=peer, digest=report.digest)
    return {"node": pair.settings.remote_node, **report.json()}


VERBS: dict[str, Verb] = {"/status": _status, "/diff": _diff, "/push": _push, "/confirm": _confirm, "/save": _save}

#: what the trail calls those that change something on the peer
TRAIL: dict[Verb, str] = {_push: "push", _confirm: "confirm", _save: "remote save"}
