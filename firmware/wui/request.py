"""What a browser or a program asks, and what it is answered, apart from the framework that reads and writes them."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from firmware.errors import Failure

JSON, PROBLEM, HTML = "application/json", "application/problem+json", "text/html; charset=utf-8"

#: methods that change nothing
SAFE = ("GET", "HEAD")


class TooLong(Failure):
    """The body is longer than what is taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is longer than {limit} bytes")


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body, which has `length` bytes: `path` and `query` as they were sent, still percent-encoded;
    `headers` by any spelling of their names; `address` is the client's. `trust` is called once who asks is known to have a
    session; `age` says how many seconds ago the connection came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    address: str
    tls: bool
    length: int = 0
    trust: Callable[[], None] = lambda: None
    age: Callable[[], float] = lambda: 0.0

    def header(self, name: str) -> str:
        """What a header says; "" without it."""
        return self.headers.get(name, "")

    @property
    def origin(self) -> str:
        """The origin of our own pages, as this browser sees them."""
        return f"{'https' if self.tls else 'http'}://{self.header('Host')}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with headers, and the body: all of it, or its first piece and the others as they come."""

    status: int
    body: bytes = b""
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    more: AsyncIterator[bytes] | None = None


class Incoming(Protocol):
    """A request whose body is on its way in."""

    @property
    def is_answered(self) -> bool:
        """Is the answer there, whatever of the body is still to come?"""
        ...

    async def take(self, piece: bytes) -> None:
        """The next piece of the body; returns once there is room for another."""
        ...

    async def answer(self) -> Answer:
        """All of the body has come: what is answered."""
        ...

    async def end(self) -> None:
        """The answer has been sent, or nobody waits for it any more."""
        ...


def require_length(request: Request, limit: int) -> None:
    """TooLong if the body has more bytes."""
    if request.length > limit:
        raise TooLong(limit)


def json_answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON object."""
    return Answer(status, json.dumps(body).encode() + b"\n", JSON, headers or {})


def problem(status: int, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """An error as RFC 9457 has it, with a hint; nothing in it comes from the request."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "hint": hint,
    }
    return Answer(status, json.dumps(body).encode() + b"\n", PROBLEM, headers or {})


def is_problem(answer: Answer, status: int) -> bool:
    """Whether it is an error with that status."""
    return answer.status == status and answer.type == PROBLEM


_TITLES = {
    400: "Bad request",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    411: "Length required",
    413: "Too large",
    415: "Unsupported type",
    429: "Too many attempts",
    500: "Internal error",
    502: "No sensible answer",
    503: "Not available",
}
