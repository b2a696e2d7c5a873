"""Errors as the API tells them: application/problem+json (RFC 9457) with what to do, and the lines where it is."""

import re
from http import HTTPStatus
from typing import Any

from firmware.accounts.attempts import Slowed
from firmware.accounts.login import Denied
from firmware.errors import Failure, Invalid, Lost, Refused, Usage
from firmware.printable import escape
from firmware.session.endpoint import Conflict, NotFound, Unavailable

TYPE = "application/problem+json"
#: by class, the nearest one counts
_STATUS: dict[type[Failure], int] = {
    Denied: 401, Slowed: 429, NotFound: 404, Conflict: 409, Refused: 409, Usage: 400, Invalid: 422, Unavailable: 503,
    Lost: 502, Failure: 500,
}  # fmt: skip
_PLACE = re.compile(r"(?P<file>/[^:\n]{1,4096}):(?P<line>[0-9]{1,9}): ?(?P<text>.*)", re.DOTALL)


class HttpProblem(Failure):
    """A request that is none of those that there are; `http_status` says how, `headers` what goes with that."""

    def __init__(self, http_status: int, message: str, hint: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message, hint)
        self.http_status = http_status
        self.headers = headers or {}


def http_status(error: Failure) -> int:
    """The status of the answer that tells of it."""
    if isinstance(error, HttpProblem):
        return error.http_status
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def headers(error: Failure) -> dict[str, str]:
    """What goes with its status."""
    if isinstance(error, HttpProblem):
        return error.headers
    return {"Retry-After": str(error.seconds)} if isinstance(error, Slowed) else {}


def describe(error: Failure) -> dict[str, Any]:
    """The body of that answer."""
    status = http_status(error)
    lines = list(error.problems) if isinstance(error, Invalid) else []
    places = [place for line in lines if (place := parse_place(line))]
    rest = [line for line in lines if not _PLACE.fullmatch(line)]
    more = error.more if isinstance(error, Conflict) else {}
    if isinstance(error, Slowed):
        more = {"retry_after": error.seconds}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": escape("\n".join([str(error), *rest]), keep="\n\t"),
        "hint": escape(error.hint, keep="\n\t"),
        "places": places,
        **more,
    }


def parse_place(line: str) -> dict[str, Any] | None:
    """What a line that begins FILE:LINE: says; None for another one."""
    match = _PLACE.fullmatch(line)
    if match is None:
        return None
    return {"file": escape(match["file"]), "line": int(match["line"]), "text": escape(match["text"], keep="\n\t")}
