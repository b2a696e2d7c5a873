"""Who is logged in: this session and the others."""

import socket
from dataclasses import dataclass

from firmware import __version__
from firmware.accounts import sessions
from firmware.errors import Failure
from firmware.identity import serial_number
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Endpoint, NotFound
from firmware.sync import settings


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """This session, and the node that it is on, with the serial number on its label ("": it has none)."""

    account: str
    role: str
    node: int | None
    hostname: str
    address: str
    version: str
    since: float
    id: str
    serial: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session: whose it is, from where, since when and when something was last asked in it (seconds since the epoch)."""

    id: str
    account: str
    role: str
    address: str
    since: float
    last: float
    token: str


def show(call: Call) -> SessionInfo:
    """This session."""
    try:
        node: int | None = settings.read().local_node
    except Failure:
        node = None
    session = call.session
    return SessionInfo(
        session.account,
        session.role,
        node,
        socket.gethostname(),
        call.address,
        __version__,
        session.since,
        session.id,
        serial_number(),
    )


def list_all() -> list[SessionRow]:
    """Everybody who is logged in."""
    return [
        SessionRow(one.id, one.account, one.role, one.address, one.since, live.last, one.token)
        for live in sessions.live_sessions()
        for one in (live.session,)
    ]


def end_all(call: Call) -> None:
    """Log everybody out, also who asks for it; who may only look, their own account."""
    sessions.end_all("" if call.role == ADMIN else call.session.account, but=call.session.id)
    sessions.end(call.session.id)


def end_own(call: Call) -> None:
    """Log out."""
    sessions.end(call.session.id)


def end_one(id: str) -> None:
    """Log one session out."""
    if id not in [one.session.id for one in sessions.live_sessions()]:
        raise NotFound(f"session {id[:40]!r}: there is no such session")
    sessions.end(id)


ENDPOINTS = (
    Endpoint("GET", "/session", MONITOR, "this session and its node", show),
    Endpoint("DELETE", "/session", MONITOR, "log out", end_own),
    Endpoint("GET", "/sessions", ADMIN, "who is logged in", list_all),
    Endpoint(
        "DELETE", "/sessions", MONITOR, "log out everywhere: everybody, or for a monitor the own account", end_all
    ),
    Endpoint("DELETE", "/sessions/{id}", ADMIN, "end one session", end_one),
)
CHANNELS: tuple[Channel, ...] = ()
