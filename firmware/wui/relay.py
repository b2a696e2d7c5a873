"""A request of the API on its way to the session of who asks, and the answer on its way back. Nothing of either is kept."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from firmware import frames
from firmware.errors import Failure
from firmware.wui.credentials import Credentials
from firmware.wui.request import JSON, PROBLEM, Answer, Request, problem, require_length
from firmware.wui.root_half import Connection, Session, read_answer

#: all requests of the API begin so; the root half knows what comes then
PREFIX = "/api/v1"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
#: bytes of a body: an upload may be a whole image
LIMIT = 4 << 30
#: bytes of a path, and fields of a query
MAX_PATH, MAX_FIELDS = 4096, 32

#: headers of an answer that the root half may set
_PASSED_ON = ("Allow", "Connection", "Csyncd-Withheld", "Location", "Retry-After")
#: types that are shown; all others are files to be kept
_SHOWN = (JSON, PROBLEM, "text/plain", "text/plain; charset=utf-8")
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(; charset=[a-z0-9-]+)?\Z")


class Relay:
    """One request to a session, whose body is yet to come."""

    def __init__(self, request: Request, session: Session, connection: Connection, credentials: Credentials) -> None:
        self._request, self._session, self._connection = request, session, connection
        self._credentials = credentials
        self._answering = asyncio.create_task(read_answer(connection))
        self._is_heard = True

    @property
    def is_answered(self) -> bool:
        """Has the session answered, whatever of the body is still to come?"""
        return self._answering.done()

    async def begin(self, head: Mapping[str, Any]) -> None:
        """Say what is asked."""
        await self._send(frames.encode_message(head))

    async def take(self, piece: bytes) -> None:
        """The next piece of the body; it goes nowhere once the root half has answered."""
        for frame in frames.encode_data(piece):
            await self._send(frame)

    async def answer(self) -> Answer:
        """What the root half answers."""
        await self._send(frames.encode_end())
        await asyncio.wait([self._answering])
        said, body, more = self._answering.result()
        self._credentials.note(self._request, self._session, said.get("status"))
        return _answer(self._request, said, body, more)

    async def end(self) -> None:
        """Whatever is still going on comes to its end."""
        await self._connection.end()
        with contextlib.suppress(Failure):
            await self._answering

    async def _send(self, data: bytes) -> None:
        if not self._is_heard or self._answering.done():
            return
        try:
            await self._connection.send(data)
        except OSError:  # it has answered, and takes no more
            self._is_heard = False


async def open_relay(request: Request, credentials: Credentials) -> Relay:
    """One that has said what is asked; TooLong, Over, Denied, TooMany, Unavailable, or a Failure for what cannot be asked."""
    head = _head(request)
    require_length(request, LIMIT)
    await credentials.require_session(request)
    session, connection = await credentials.open(request)
    relay = Relay(request, session, connection, credentials)
    await relay.begin({**head, "secret": session.secret})
    return relay


def parse_query(text: str) -> dict[str, str]:
    """What a query says; Failure if it is none, or says something twice."""
    try:
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Failure("the query cannot be understood") from None
    if len(dict(fields)) != len(fields):
        raise Failure("the query names something twice")
    return dict(fields)


def _head(request: Request) -> dict[str, Any]:
    if len(request.path) > MAX_PATH:
        raise Failure("the path is too long")
    return {
        "method": "GET" if request.method == "HEAD" else request.method,
        "path": request.path.removeprefix(PREFIX),
        "query": parse_query(request.query),
        "address": request.address,
        "length": request.length,
        "age": request.age(),
    }


def _answer(request: Request, said: Mapping[str, Any], body: bytes, more: AsyncIterator[bytes] | None) -> Answer:
    status, type_ = said.get("status"), str(said.get("type") or JSON)
    if not isinstance(status, int) or not 200 <= status <= 599 or not _TYPE.match(type_):
        return problem(502, "the part of the web UI that acts gave no sensible answer")
    headers = _passed_on(said.get("headers"))
    if name := said.get("name"):
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(str(name), safe='')}"
    elif type_ not in _SHOWN:
        headers["Content-Disposition"] = "attachment"
    return Answer(status, body, type_, headers, more)


def _passed_on(headers: object) -> dict[str, str]:
    found = headers if isinstance(headers, dict) else {}
    return {name: str(value) for name, value in found.items() if name in _PASSED_ON and str(value).isprintable()}
