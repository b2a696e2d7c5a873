"""The process of a session: a thread for each connection, until it is logged out, has not been used for long, or is over.

Threads, not asyncio: what `operations` do waits for files, locks and programs, and so it may here.
"""

import hmac
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from firmware import frames
from firmware.accounts import sessions
from firmware.accounts.sessions import Session
from firmware.accounts.standing import Standing
from firmware.errors import Failure
from firmware.services import states
from firmware.session import dispatch, problem
from firmware.session.conversation import Conversation, Ended
from firmware.session.dispatch import CHANNEL, Request
from firmware.session.endpoint import Call
from firmware.session.problem import HttpProblem

#: seconds without a request after which a session ends, for a password and for a token; and the longest that one lasts
IDLE, IDLE_OF_TOKEN, LONGEST = 1800.0, 60.0, 12 * 3600.0
#: seconds between two looks whether its account is there, and whether it is over for other reasons; that channels then have
#: to come to their end, and requests: one that installs an upgrade is not to be cut off in the middle
GLANCE, LOOK, GRACE, GRACE_OF_REQUEST = 1.0, 5.0, 45.0, 2 * 3600.0
#: looks in a row at which the web UI is stopped before a session ends with it: a restart is no stop, and may take its time
STOPPED_LOOKS = 3
#: seconds that a request may take to come, or its answer to be taken
PATIENCE = 60.0
#: connections at a time
MOST = 128


class Server:
    """A session: it answers whoever knows its secret."""

    def __init__(self, session: Session, secret: str, lock: int, listener: socket.socket, standing: Standing) -> None:
        self._session, self._secret, self._lock, self._listener = session, secret, lock, listener
        self._standing = standing
        self._used = self._began = time.monotonic()
        self._threads: dict[threading.Thread, socket.socket] = {}
        self._talks: set[socket.socket] = set()
        self._requests: set[threading.Thread] = set()
        self._awake = 0
        self._stopped_looks = 0
        self._changing = threading.Lock()

    def introduction(self) -> dict[str, Any]:
        """What who has logged in gets to know."""
        session = self._session
        return {
            "status": 200,
            "session": session.id,
            "secret": self._secret,
            "account": session.account,
            "role": session.role,
        }

    def serve(self, ended: threading.Event) -> None:
        """Serve until it is over, or `ended` is set; what is under way then comes to its end."""
        self._listener.settimeout(min(GLANCE, LOOK))
        looked = time.monotonic()
        try:
            while not (ended.is_set() or self._is_ended()):
                with suppress(TimeoutError):
                    self._accept()
                if time.monotonic() - looked >= LOOK:
                    looked = time.monotonic()
                    if self._is_over():
                        break
        finally:
            self._close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        with self._changing:
            if len(self._threads) >= MOST:
                connection.close()
                return
            connection.settimeout(PATIENCE)
            thread = threading.Thread(target=self._serve_connection, args=(connection,), daemon=True)
            self._threads[thread] = connection
        thread.start()

    def _is_ended(self) -> bool:
        """Has somebody ended it, or changed or taken away its account?"""
        return not sessions.is_open(self._lock) or self._standing.is_lost()

    def _is_over(self) -> bool:
        now, idle = time.monotonic(), IDLE_OF_TOKEN if self._session.token else IDLE
        if now - self._began > LONGEST:
            return True
        self._stopped_looks = self._stopped_looks + 1 if states.service_state("wui").is_stopped else 0
        return self._stopped_looks >= STOPPED_LOOKS or (not self._awake and now - self._used > idle)

    def _close(self) -> None:
        self._listener.close()
        sessions.forget(self._session.id)
        with self._changing:
            for connection in self._talks:
                _shut(connection)
            threads = list(self._threads)
        over = time.monotonic()
        for thread in threads:
            grace = GRACE_OF_REQUEST if thread in self._requests else GRACE
            thread.join(max(0.0, over + grace - time.monotonic()))

    def _serve_connection(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            try:
                self._answer(connection)
            except Failure as error:
                dispatch.send_problem(connection, error)
        with self._changing:
            self._talks.discard(connection)
            self._threads.pop(threading.current_thread(), None)

    def _answer(self, connection: socket.socket) -> None:
        frame = frames.receive_frame(connection)
        if frame is None:
            return
        if frame.kind != frames.MESSAGE:
            raise HttpProblem(400, "the request: it begins with none")
        body = frame.body
        try:
            self._require_secret(body)
            request, call = dispatch.parse_request(body), _call(self._session, body, self._standing)
            if request.method == CHANNEL:
                self._talk(connection, request, call)
                return
        except Failure as error:
            if body.get("method") != CHANNEL:
                raise
            frames.send_end(connection, problem.describe(error))
            return
        with self._in_use(), self._as_request():
            dispatch.answer(connection, request, call)

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Until the end of this the session counts as used."""
        with self._changing:
            self._awake += 1
        try:
            yield
        finally:
            with self._changing:
                self._awake -= 1
                self._used = time.monotonic()

    @contextmanager
    def _as_request(self) -> Iterator[None]:
        """What is done in this thread is not cut off when the session ends."""
        thread = threading.current_thread()
        with self._changing:
            self._requests.add(thread)
        try:
            yield
        finally:
            with self._changing:
                self._requests.discard(thread)

    def _require_secret(self, body: dict[str, Any]) -> None:
        secret = body.get("secret")
        given = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else b""
        if not hmac.compare_digest(given, self._secret.encode()) or not self._counts():
            raise HttpProblem(401, "nobody is logged in with this", "log in")
        self._used = time.monotonic()
        sessions.touch(self._lock)

    def _counts(self) -> bool:
        return sessions.is_open(self._lock) and self._standing.counts()

    def _talk(self, connection: socket.socket, request: Request, call: Call) -> None:
        try:
            row, found = dispatch.find_channel(request)
            dispatch.require_role(call, row.role)
        except Failure as error:  # a channel has no status: it ends with what is wrong
            frames.send_end(connection, problem.describe(error))
            return
        connection.settimeout(None)
        talk = Conversation(connection)
        with self._changing:
            self._talks.add(connection)
        with self._in_use() if row.keeps_awake else nullcontext(), suppress(Ended):
            dispatch.converse(row, request, found, call, talk)


def _call(session: Session, body: dict[str, Any], standing: Standing) -> Call:
    length, age = int(_number(body.get("length"))), _number(body.get("age"))
    return Call(session, _address(body), length, age, standing.accept_password)


def _number(value: object) -> float:
    """A number that the front half has told; 0 for none."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 53
    return float(value) if known and isinstance(value, int | float) else 0.0


def _address(body: dict[str, Any]) -> str:
    address = body.get("address")
    return address if isinstance(address, str) and len(address) <= 64 and address.isprintable() else "unknown"


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
