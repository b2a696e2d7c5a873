"""Errors as the API tells them: application/problem+json (RFC 9457) with what to do, and the lines where it is."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from firmware import log
from firmware.accounts.attempts import Slowed
from firmware.accounts.login import Denied
from firmware.errors import Failure, Invalid, Lost, Refused, Unavailable, Usage, from_system
from firmware.operations.files.place import Missing, NoRoom
from firmware.operations.places import find_places
from firmware.printable import escape
from firmware.session.endpoint import AskAnew, Conflict, NotFound
from firmware.store.repository import NoGeneration

TYPE = "application/problem+json"
#: by class, the nearest one counts
_STATUS: dict[type[Failure], int] = {
    Denied: 401, Slowed: 429, NotFound: 404, Missing: 404, NoGeneration: 404, AskAnew: 409, Conflict: 409,
    Refused: 409, Usage: 400, Invalid: 422,
    Unavailable: 503, NoRoom: 507, Lost: 502, Failure: 500,
}  # fmt: skip


class HttpProblem(Failure):
    """A request that is none of those that there are; `http_status` says how, `headers` what goes with that."""

    def __init__(self, http_status: int, message: str, hint: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message, hint)
        self.http_status = http_status
        self.headers = headers or {}


class Told(Failure):
    """An error with more to tell than itself, such as the report of a push; `http_status`, if it is not that of the error."""

    def __init__(self, error: Failure, more: dict[str, Any], http_status: int = 0) -> None:
        super().__init__(str(error), error.hint)
        self.error, self.more, self.http_status = error, more, http_status


def http_status(error: Failure) -> int:
    """The status of the answer that tells of it."""
    if isinstance(error, Told):
        return error.http_status or http_status(error.error)
    if isinstance(error, HttpProblem):
        return error.http_status
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def headers(error: Failure) -> dict[str, str]:
    """What goes with its status."""
    if isinstance(error, HttpProblem):
        return error.headers
    if isinstance(error, AskAnew):
        return {"Connection": "close"}
    return {"Retry-After": str(error.seconds)} if isinstance(error, Slowed) else {}


def _more(error: Failure) -> dict[str, Any]:
    if isinstance(error, Slowed):
        return {"retry_after": error.seconds}
    if isinstance(error, AskAnew):
        return {"ask_anew": True}
    return error.more if isinstance(error, Conflict) else {}


def describe(error: Failure) -> dict[str, Any]:
    """The body of that answer."""
    status = http_status(error)
    if isinstance(error, Told):
        return {**describe(error.error), **error.more, "status": status, "title": HTTPStatus(status).phrase}
    found = find_places(error.problems) if isinstance(error, Invalid) else ()
    rest = [place.text for place in found if not place.file]
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": escape("\n".join([str(error), *rest]), keep="\n\t"),
        "hint": escape(error.hint, keep="\n\t"),
        "places": [asdict(place) for place in found if place.file],
        **_more(error),
    }


def as_failure(error: Exception) -> Failure:
    """Any error as one that can be told; the trace of one that nobody foresaw goes to the log."""
    if isinstance(error, Failure):
        return error
    return from_system(error) if isinstance(error, OSError) else log.internal_error("wui", error)


def describe_any(error: Exception) -> dict[str, Any]:
    """The body for whatever was raised."""
    return describe(as_failure(error))
