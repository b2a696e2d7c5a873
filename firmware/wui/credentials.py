"""Who asks: a cookie or a token, and the session that it stands for. Only the root half knows whether there is one.

This half remembers for a moment that a session was there, so that it need not ask before each page, and for each token the
session that it has become; neither is worth anything without the root half.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from firmware import frames
from firmware.errors import Failure
from firmware.wui import guard
from firmware.wui.attempts import Attempts
from firmware.wui.request import Request
from firmware.wui.root_half import Connection, Over, RootHalf, Session, Unavailable, parse_cookie, read_answer

#: seconds for which a session that was there is taken to be there still, when it comes to what this half itself gives
SEEN_SECONDS = 30.0
#: sessions and tokens that are remembered
REMEMBERED = 64
#: the longest token that is looked at
TOKEN_LENGTH = 256


class Denied(Failure):
    """The root half refuses the credential: with what it said."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        super().__init__(str(said.get("detail", "no such token")), str(said.get("hint", "")))
        self.said = said


class Credentials:
    """The sessions and tokens of those who ask."""

    def __init__(self, root: RootHalf, attempts: Attempts) -> None:
        self._root, self._attempts = root, attempts
        self._seen: dict[Session, float] = {}
        self._tokens: dict[bytes, asyncio.Task[Session]] = {}

    async def log_in(self, credential: Mapping[str, Any], address: str) -> dict[str, Any]:
        """What the root half says to a credential; TooMany where it is not even asked."""
        async with self._attempts.attempt(address):
            said = await self._root.check_credential({**credential, "address": address})
        if said.get("status") == 200:
            self._attempts.forgive(address)
        return said

    async def open(self, request: Request) -> tuple[Session, Connection]:
        """The same with the session."""
        if not (token := bearer(request)):
            session = self._session_of_cookie(request)
            return session, await self._root.open_session(session)
        try:
            session = await self._session_of_token(token, request.address)
            return session, await self._root.open_session(session)
        except Over:  # nobody has used it for a minute
            self._tokens.pop(_digest(token), None)
            session = await self._session_of_token(token, request.address)
            return session, await self._root.open_session(session)

    async def require_session(self, request: Request) -> None:
        """Over, Denied or TooMany unless who asks has a session, or had one a moment ago."""
        if not bearer(request) and self._was_seen(self._session_of_cookie(request)):
            request.trust()
            return
        session, connection = await self.open(request)
        with closing(connection):
            status = await _ask(connection, request, session, "GET", "/session")
        self.note(request, session, status)
        if status == 401:
            raise Over

    async def end_session(self, request: Request, session: Session) -> None:
        """Log out; a session that is over already is at its end."""
        self.forget(session)
        with contextlib.suppress(Failure), closing(await self._root.open_session(session)) as connection:
            await _ask(connection, request, session, "DELETE", "/session")

    def note(self, request: Request, session: Session, status: object) -> None:
        """What a session has answered, which says whether it is there."""
        if status == 401:
            self.forget(session)
            return
        request.trust()
        self._seen.pop(session, None)
        self._seen[session] = time.monotonic()
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def forget(self, session: Session) -> None:
        """It is over, or may be soon."""
        self._seen.pop(session, None)

    def _was_seen(self, session: Session) -> bool:
        return time.monotonic() - self._seen.get(session, float("-inf")) < SEEN_SECONDS

    def _session_of_cookie(self, request: Request) -> Session:
        session = parse_cookie(guard.cookie(request))
        if session is None:
            raise Over
        return session

    async def _session_of_token(self, token: str, address: str) -> Session:
        """Whoever comes while it is being checked waits for the same check."""
        key = _digest(token)
        task = self._tokens.pop(key, None) or asyncio.create_task(self._exchange_token(token, address))
        self._tokens[key] = task
        while len(self._tokens) > REMEMBERED:
            del self._tokens[next(iter(self._tokens))]
        try:
            return await asyncio.shield(task)
        except Failure:
            if self._tokens.get(key) is task:
                del self._tokens[key]
            raise

    async def _exchange_token(self, token: str, address: str) -> Session:
        said = await self.log_in({"token": token}, address)
        if said.get("status") != 200:
            raise Denied(said)
        return session_of(said)


async def _ask(connection: Connection, request: Request, session: Session, method: str, path: str) -> object:
    """The status of what the session answers."""
    asked = {"method": method, "path": path, "query": {}, "secret": session.secret, "address": request.address}
    with contextlib.suppress(OSError):  # it has answered already
        await connection.send(frames.encode_message(asked) + frames.encode_end())
    return (await read_answer(connection))[0].get("status")


def session_of(said: Mapping[str, Any]) -> Session:
    """The session that a login has made; Unavailable if none is named."""
    session = parse_cookie(f"{said.get('session')}.{said.get('secret')}")
    if session is None:
        raise Unavailable("it names no session")
    return session


def bearer(request: Request) -> str:
    """The token that a request comes with; "" without one."""
    scheme, _, token = request.header("Authorization").partition(" ")
    return token.strip()[: TOKEN_LENGTH + 1] if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
