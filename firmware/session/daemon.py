"""A session, from its login to its end. s6-ipcserver starts this program for each connection to the socket for logging in; the
connection is its standard input.

Whoever has a credential gets a process, a socket, and a secret; whoever has none gets a problem, and the process ends.
"""

import os
import secrets
import signal
import socket
import struct
import threading
import time
from dataclasses import dataclass

from firmware import frames, log
from firmware.accounts import login, sessions, tokens
from firmware.accounts.register import Account
from firmware.accounts.sessions import Session
from firmware.accounts.standing import Standing
from firmware.errors import Failure, Usage
from firmware.services.permissions import account_ids
from firmware.session import audit_login, problem
from firmware.session.server import Server

#: seconds within which a credential has to come
LOGIN_SECONDS = 10.0
#: whose front half it is
FRONT = "wui"


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whose session it is to be, from where, and with which token if it was one. `credential`: what the account has of it."""

    account: Account
    address: str
    credential: str
    token: str = ""


def main(argv: list[str]) -> int:
    """Log in who is at the other end of the standard input, and serve that session; exit status 0 however that ends."""
    del argv
    with socket.socket(fileno=os.dup(0)) as connection:
        connection.settimeout(LOGIN_SECONDS)
        try:
            _require_front_half(connection)
            server = _open_session(_admit(connection))
            if server is None:  # the session is a process of its own now
                return 0
            frames.send_message(connection, server.introduction())
            frames.send_end(connection)
        except Exception as error:
            _refuse(connection, problem.as_failure(error))
            return 0
    _let_go_of_the_connection()
    server.serve(_end_by_signal())
    return 0


def _require_front_half(connection: socket.socket) -> None:
    """Only the front half's account and root have any business here."""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid not in (0, account_ids(FRONT)[0]):
        raise Failure(f"account {uid} of the node may not log anybody in")


def _admit(connection: socket.socket) -> Admitted:
    frame = frames.receive_frame(connection)
    if frame is None or frame.kind != frames.MESSAGE:
        raise Usage("the login: no message")
    body = frame.body
    words = {key: _word(body, key) for key in ("user", "password", "code", "token", "address")}
    address = words["address"][:64]
    try:
        admitted = _check(words, address)
    except Failure as error:
        audit_login.note_refusal(words["user"], address, error)
        raise
    audit_login.note_login(admitted.account.name, address, admitted.token)
    return admitted


def _check(words: dict[str, str], address: str) -> Admitted:
    if words["token"]:
        account, label = login.by_token(words["token"], address)
        return Admitted(account, address, tokens.digest(words["token"]), label)
    if words["code"]:
        account = login.by_setup_code(words["code"], words["password"], address)
    else:
        account = login.by_password(words["user"], words["password"], address)
    return Admitted(account, address, account.password)


def _word(body: dict[str, object], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or len(value) > 4096:
        raise Usage(f"the login: {key}: it is not text, or too long")
    return value


def _open_session(admitted: Admitted) -> Server | None:
    """Its server, in a process of its own; None in the one that s6-ipcserver waits for, whose place is free again."""
    sessions.make_room()
    id, secret = sessions.new_id(), secrets.token_urlsafe(32)
    if os.fork():
        return None
    os.setsid()
    account = admitted.account
    session = Session(id, account.name, account.role, admitted.address, time.time(), os.getpid(), admitted.token)
    standing = Standing(account, admitted.credential)
    return Server(session, secret, sessions.note(session), _listen(id), standing)


def _listen(id: str) -> socket.socket:
    """Its socket, which only root and the front half reach."""
    path = sessions.socket_path(id)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    _, group = account_ids(FRONT)
    os.chown(path.parent, 0, group)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chown(path, 0, group)
    os.chmod(path, 0o660)
    listener.listen(64)
    return listener


def _refuse(connection: socket.socket, error: Failure) -> None:
    try:
        frames.send_message(connection, problem.describe(error))
        frames.send_end(connection)
    except OSError as lost:
        log.line(f"session: not told: {error}: {lost.strerror or lost}")


def _end_by_signal() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _let_go_of_the_connection() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    os.close(nowhere)
