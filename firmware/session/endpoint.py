"""The rows of the table from which a session dispatches, and from which the description of the API is made.

The signature of a function says what it takes and gives: values of the path by their names, `query` and `body` as the
dataclasses that they are annotated with, `stream` for a body as it comes; the answer is what `-> …` says.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware.accounts.register import ADMIN, MONITOR, Account
from firmware.accounts.sessions import Session
from firmware.errors import Failure
from firmware.sync.audit import Who

__all__ = ["ADMIN", "MONITOR", "AskAnew", "Call", "Channel", "Conflict", "Download", "Endpoint", "NotFound"]


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks: in which session, from which address. `length`: the bytes of the body, as far as they are known; `age`: the
    seconds since the connection came in over which it was asked; `accept_password` has the session go on once its account has
    the password that it is given."""

    session: Session
    address: str
    length: int = 0
    age: float = 0.0
    accept_password: Callable[[Account], None] = lambda _: None

    @property
    def role(self) -> str:
        """What the account may."""
        return self.session.role

    @property
    def who(self) -> Who:
        """For the trail and the history."""
        token = f", token {self.session.token}" if self.session.token else ""
        return Who(self.session.account, f"{self.address} (web{token})")


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that is bytes: piece by piece, of that media type, kept under that name; with these headers, of which the web
    UI's front half passes on those that it knows."""

    pieces: Iterator[bytes]
    name: str
    type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked for. `role` is the least that may; `example` is a body for it."""

    method: str
    path: str
    role: str
    summary: str
    function: Callable[..., Any]
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """What can be listened to. While one with `keeps_awake` is open, its session counts as used."""

    path: str
    role: str
    summary: str
    function: Callable[..., None]
    keeps_awake: bool = False


class NotFound(Failure):
    """There is no such thing (HTTP status 404)."""


class AskAnew(Failure):
    """It has to be asked over a new connection (HTTP status 409), for this one proves nothing: it is closed."""


class Conflict(Failure):
    """It is not any more what it was when it was read (HTTP status 409); `more` says what it is."""

    def __init__(self, message: str, hint: str = "", more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint)
        self.more = dict(more or {})
