"""A request as Tornado hands it over, and the answer as it takes it."""

import asyncio
import re
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Protocol

from tornado import httputil, iostream, web

from firmware import log
from firmware.errors import Failure
from firmware.wui import guard
from firmware.wui.refusals import refusal
from firmware.wui.request import Answer, Incoming, Request, problem

#: what the name of a header is made of
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: bytes of a body that nobody wants, which are read so that the answer reaches who sends it
USELESS = 1 << 20
#: seconds that a body may take once somebody who has logged in sends it
BODY_SECONDS = 3600.0


class Opener(Protocol):
    """What answers requests: `wui.site.Site`."""

    async def open(self, request: Request) -> Answer | Incoming:
        """What is answered at once, or who takes the body."""
        ...


@web.stream_request_body
class Exchange(web.RequestHandler):
    """One request. Its body is passed on as it comes: the next piece is read once the last one is gone."""

    def initialize(self, site: Opener, under_way: set["asyncio.Future[None]"]) -> None:
        """`under_way` has what has begun and is not done yet."""
        self._site = site
        self._incoming: Incoming | None = None
        self._early: Answer | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way = under_way
        under_way.add(self._done)
        self._done.add_done_callback(under_way.discard)

    async def prepare(self) -> None:
        """The head is here, and nothing of the body is read."""
        length = content_length(self.request)
        if isinstance(length, Answer):
            await self._send(length)
            return
        opened = await self._site.open(as_request(self.request, length))
        if isinstance(opened, Answer):
            await self._refuse(opened, length)
            return
        self._incoming = opened
        if self._done.done():  # nobody waits any more
            await opened.end()
        if length > USELESS:
            _connection(self.request).set_body_timeout(BODY_SECONDS)

    async def _refuse(self, answer: Answer, length: int) -> None:
        """Whoever waits for leave to send the body is told at once, others once it has come: who sends does not read. To
        answer before all of a request is there ends the connection."""
        if length > USELESS or "Expect" in self.request.headers:
            await self._send(answer)
        else:
            self._early = answer

    async def data_received(self, chunk: bytes) -> None:
        """A piece of the body."""
        if self._incoming is not None and self._early is None:
            await self._incoming.take(chunk)
            await self._answer_early(self._incoming)

    async def _answer_early(self, incoming: Incoming) -> None:
        """What is answered before all of a long body is here is told then, and ends the connection."""
        if incoming.is_answered and int(self.request.headers.get("Content-Length", "0")) > USELESS:
            self._early = await incoming.answer()
            await self._send(self._early)

    async def get(self) -> None:
        """All of the request is here."""
        try:
            answer = self._early or (await self._incoming.answer() if self._incoming else problem(500, "no answer"))
        except Failure as error:
            answer = refusal(error)
        await self._send(answer)

    head = post = put = delete = patch = options = get

    async def _send(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self._set_headers(answer)
        if answer.body:
            self.write(answer.body)
        try:
            if answer.more is not None and self.request.method != "HEAD":
                async for piece in answer.more:
                    self.write(piece)
                    await self.flush()
            await self.finish()
            if answer.headers.get("Connection") == "close":
                _connection(self.request).stream.close()
        except Failure:  # there is no other way to say that it is not whole
            _connection(self.request).stream.close()
        except iostream.StreamClosedError:
            self._end()

    def _set_headers(self, answer: Answer) -> None:
        for name, value in {**guard.security_headers(), **answer.headers}.items():
            self.set_header(name, value)
        if answer.status == 204:
            self.clear_header("Content-Type")
        else:
            self.set_header("Content-Type", answer.type)

    def set_default_headers(self) -> None:
        """Nobody needs to know which server this is."""
        self.clear_header("Server")

    def compute_etag(self) -> None:
        """No digest of each answer: nothing but assets is kept, and these never change."""
        return

    def write_error(self, status_code: int, **more: Any) -> None:
        """What Tornado refuses, or an error that nobody foresaw."""
        answer = problem(status_code if 400 <= status_code < 500 else 500, _spell_error(more.get("exc_info")))
        self._set_headers(answer)
        self.finish(answer.body)

    def log_exception(self, typ: Any, value: Any, tb: TracebackType | None) -> None:
        """It is noted once, with the answer."""

    def on_finish(self) -> None:
        """The answer has been sent."""
        self._end()

    def on_connection_close(self) -> None:
        """Nobody waits for the answer any more."""
        super().on_connection_close()
        self._end()

    def _end(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
            if self._incoming is not None:
                run_aside(self._incoming.end())


_aside = set["asyncio.Task[None]"]()


def run_aside(work: Coroutine[Any, Any, None]) -> None:
    """Have something done that nobody waits for."""
    task = asyncio.create_task(work)
    _aside.add(task)
    task.add_done_callback(_aside.discard)


def as_request(found: httputil.HTTPServerRequest, length: int = 0) -> Request:
    """The head of a request."""
    hold = _connection(found).stream.hold
    return Request(
        found.method or "",
        found.path or "",
        found.query,
        found.headers,
        address=found.remote_ip or "",
        tls=found.protocol == "https",
        length=length,
        trust=hold.trust,
        age=hold.age,
    )


def content_length(found: httputil.HTTPServerRequest) -> int | Answer:
    """How long the body is, or a refusal: bodies in chunks, and lengths that two programs might read in two ways, are not
    taken."""
    if not all(_NAME.fullmatch(name) for name in found.headers):
        return problem(400, "a header has a name that is none")
    if "Transfer-Encoding" in found.headers:
        return problem(
            411, "the length of the body is not known beforehand", "send Content-Length, no Transfer-Encoding"
        )
    said = found.headers.get("Content-Length", "0")
    if not (said.isascii() and said.isdecimal() and len(said) < 16):
        return problem(400, "Content-Length is no number")
    return int(said)


def _connection(found: httputil.HTTPServerRequest) -> Any:
    """Tornado's HTTP1Connection, whose stream is one of ours."""
    return found.connection


def _spell_error(error: Any) -> str:
    if error is None or isinstance(error[1], web.HTTPError):
        return "the request is none that is answered here"
    return str(log.internal_error("wui", error[1], daemon=True))
