"""A server over asyncio streams. What one client sends, or does not send, takes a bounded time and a bounded amount of memory;
every refusal says why, and no other client waits for it.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import h11

from firmware import blocks, log
from firmware.http11.client import parse_without_blocking
from firmware.http11.json_body import Json
from firmware.http11.quota import HttpRefusal, Quota, refuse_after
from firmware.http11.spool import Spool
from firmware.http11.wire import BODY_LIMIT, INFORMATION, LEAST_RATE, READ_SIZE, Response, encode_answer

#: bytes of a request's line and headers that are taken
HEAD_LIMIT = 8192
#: seconds that a client may take to send a head, once it has begun one, to send a body, and to read its answer
HEAD_SECONDS, BODY_SECONDS, ANSWER_SECONDS = 10.0, 60.0, 60.0
#: seconds that are left to a connection which is about to be closed
LEAVE_SECONDS = 2.0
#: bytes that end a body which came in chunks
_END = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks: the method, the path, and the body as it came. `has_gone` tells whether the client has gone since,
    `inform` sends something that is no answer yet. Of a body that is made of blocks there is only the open `file` in which it
    lies until the request is answered."""

    method: str
    path: str
    body: bytearray
    has_gone: Callable[[], bool]
    file: int | None = None
    inform: Callable[[Json], None] = lambda content: None

    async def json(self) -> Json:
        """The body as a JSON object, once: the bytes are given up for it. Anything else is a Failure."""
        return await parse_without_blocking(self.body)


Handler = Callable[[Request], Awaitable[Response]]


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handler: Handler,
    limit: int = BODY_LIMIT,
    quota: Quota | None = None,
    program: str = "firmware",
) -> None:
    """Answer one connection's requests, one after the other, until it ends. It never raises for what a client does.

    `program` is whose error one inside the handler is, in the log.
    """
    quota = quota or Quota()
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    stream = _Stream(connection, reader, writer, program)
    try:
        with quota.hold_connection():
            await _serve_requests(stream, handler, limit, quota)
    except HttpRefusal as refusal:
        writer.write(_encode_response(stream, Response(refusal.http_status, {"error": str(refusal)}), last=True))
        writer.close()


@dataclass(slots=True)
class _Stream:
    """A connection, and the program that serves it. `head_only` says that the request was HEAD: its answer has no body;
    `deflate` that its answer may be compressed."""

    connection: h11.Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    program: str
    head_only: bool = False
    deflate: bool = False

    def inform(self, content: Json) -> None:
        """Send the client something before its answer, if it can still take it."""
        headers = [(INFORMATION, json.dumps(content))]
        if not self.writer.is_closing():
            self.writer.write(self.connection.send(h11.InformationalResponse(status_code=102, headers=headers)) or b"")


async def _serve_requests(stream: _Stream, handler: Handler, limit: int, quota: Quota) -> None:
    try:
        while (head := await _read_head(stream)) is not None:
            await _respond(stream, await _answer_request(stream, head, handler, limit, quota))
            if stream.connection.our_state is h11.MUST_CLOSE:
                break
            stream.connection.start_next_cycle()
            await asyncio.sleep(0)  # others first, even if the next request is here already
    except HttpRefusal as refusal:
        await _refuse(stream, refusal.http_status, str(refusal))
    except (h11.RemoteProtocolError, ValueError) as error:  # h11 leaves it to int() to refuse the hugest lengths
        await _refuse(stream, getattr(error, "error_status_hint", 400), f"the request: it is not HTTP: {error}")
    except (h11.LocalProtocolError, OSError):
        pass
    finally:
        await _close(stream.writer)


async def _answer_request(stream: _Stream, head: h11.Request, handler: Handler, limit: int, quota: Quota) -> Response:
    """Read a request's body and answer it. Only here is the body held: not while the client takes the answer, nor after."""
    headers = dict(head.headers)
    has_blocks, stream.deflate = headers.get(b"content-type") == blocks.TYPE.encode(), _takes_deflate(headers)
    length = _body_length(headers, quota.spool_room() if has_blocks and quota.spool_room else limit, has_blocks)
    async with quota.hold_body(length):
        with Spool(length, as_file=has_blocks) as spool:
            await _read_body(stream, length, spool, quota.spool_room if has_blocks else None)
            async with quota.hold_answer(spool.size):
                body = bytearray() if has_blocks else spool.take()
                words = head.method.decode(), head.target.decode()
                request = Request(*words, body, stream.reader.at_eof, spool.file if has_blocks else None, stream.inform)
                try:
                    return await _call_handler(handler, request, stream.program)
                finally:
                    request.body.clear()  # a traceback somewhere may still have it


async def _read_head(stream: _Stream) -> h11.Request | None:
    """The head of the next request; None if the client has ended. It may take its time until it begins one."""
    if not stream.connection.trailing_data[0]:
        stream.connection.receive_data(await stream.reader.read(HEAD_LIMIT))
    async with refuse_after(HEAD_SECONDS, 408, f"the request: its head is not complete after {HEAD_SECONDS:g} s"):
        event = await _next_event(stream.connection, stream.reader, HEAD_LIMIT)
    if not isinstance(event, h11.Request):
        return None
    stream.head_only = event.method == b"HEAD"
    return event


def _takes_deflate(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"accept-encoding") == b"deflate"


def _body_length(headers: Mapping[bytes, bytes], limit: int, has_blocks: bool) -> int:
    """How long a body is that is about to come, or how long one of blocks may become."""
    if b"transfer-encoding" in headers:
        if has_blocks:
            return limit
        raise HttpRefusal(411, "the request: Transfer-Encoding is not taken: say with Content-Length how long it is")
    length = int(headers.get(b"content-length", b"0"))
    if length > limit:
        raise HttpRefusal(413, f"the message: larger than {limit} bytes")
    return length


async def _read_body(stream: _Stream, length: int, spool: Spool, room: Callable[[], int] | None) -> None:
    """`room` is asked again and again: what there is when a body begins, others may have taken when it ends."""
    connection = stream.connection
    if connection.they_are_waiting_for_100_continue:
        stream.writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
    why, began = f"the request: its body is not complete after {BODY_SECONDS:g} s", asyncio.get_running_loop().time()
    if spool.is_file:
        why = f"the request: its body does not go on, or takes longer than {LEAST_RATE >> 10} KiB a second would"
    async with refuse_after(BODY_SECONDS, 408, why) as waiting:
        while True:
            event = await _next_event(connection, stream.reader, min(READ_SIZE, max(_END, length - spool.size)))
            if not isinstance(event, h11.Data):
                return
            if spool.size + len(event.data) > length:
                raise HttpRefusal(413, f"the message: larger than {length} bytes")
            if room and (spool.size + len(event.data)) >> 20 > spool.size >> 20 and not room():
                raise HttpRefusal(413, "the message: there is no memory left for the rest of it")
            spool.write(event.data)
            if spool.is_file:
                waiting.reschedule(end_of_patience(began, asyncio.get_running_loop().time(), spool.size))


def end_of_patience(began: float, now: float, size: int) -> float:
    """Until when a body that began then, and of which so many bytes have come, has to go on."""
    return min(began + BODY_SECONDS + size / LEAST_RATE, now + BODY_SECONDS)


async def _call_handler(handler: Handler, request: Request, program: str) -> Response:
    try:
        return await handler(request)
    except Exception as error:  # a bug in one answer is said, to us with its place, and ends no other
        failure = log.internal_error(program, error, daemon=True)
        return Response(500, {"error": str(failure), "hint": failure.hint, "exit": failure.status})


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader, most: int) -> Any:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(most))
    return event


def _encode_response(stream: _Stream, response: Response, *, last: bool = False) -> bytes:
    body, headers = encode_answer(response.content, deflate=stream.deflate)
    headers += [("Connection", "close")] * last
    events = [
        h11.Response(status_code=response.status, headers=headers),
        h11.Data(data=b"" if stream.head_only else body),
    ]
    return b"".join(stream.connection.send(event) or b"" for event in (*events, h11.EndOfMessage()))


async def _respond(stream: _Stream, response: Response, *, last: bool = False) -> None:
    stream.writer.write(_encode_response(stream, response, last=last))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await stream.writer.drain()
    except TimeoutError:
        abort(stream.writer)
        raise


async def _refuse(stream: _Stream, status: int, why: str) -> None:
    with contextlib.suppress(h11.LocalProtocolError, OSError):
        await _respond(stream, Response(status, {"error": why}), last=True)
        if stream.writer.can_write_eof():
            stream.writer.write_eof()
        # What is still on its way is read for a moment: a client that cannot send on might not look for an answer.
        async with asyncio.timeout(LEAVE_SECONDS):
            while await stream.reader.read(READ_SIZE):
                pass


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close it; for good, also if the client does not take what is left for it."""
    writer.close()
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await writer.wait_closed()
    except OSError:  # TimeoutError is one
        abort(writer)


def abort(writer: asyncio.StreamWriter) -> None:
    """End a connection now, whatever is still to be sent."""
    with contextlib.suppress(AttributeError):  # Python 3.11's TLS, where it has ended already
        writer.transport.abort()
