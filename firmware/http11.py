"""HTTP/1.1 over asyncio streams, by h11: what csyncd, the web UI and the commands speak over their sockets.

Bodies are JSON both ways. A server bounds what it reads (size and time); a client has one connection that stays open.
"""

import asyncio
import contextlib
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11

from firmware.errors import Failure, Lost

Json = dict[str, Any]
READ = 65536
#: bytes of a request's body that a server takes at the most; a service of 16 MiB in base64 fits
BODY_LIMIT = 24 * 1024 * 1024
#: seconds that a client may take to send one request, once it has begun
REQUEST_TIME = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked: the method, the path, and the body as it came."""

    method: str
    path: str
    body: bytes

    def json(self) -> Json:
        """The body as a JSON object; anything else is a Failure."""
        return parse_object(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answers: the status and a JSON object."""

    status: int
    content: Mapping[str, Any]


Handler = Callable[[Request], Awaitable[Response]]


def parse_object(body: bytes) -> Json:
    """A JSON object from bytes that came from elsewhere."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Failure("the message: it is not JSON") from None
    if not isinstance(value, dict):
        raise Failure("the message: it is not a JSON object")
    return value


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler, limit: int = BODY_LIMIT
) -> None:
    """Answer one connection's requests, one after the other, until it ends. It never raises for what a client does."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16384)
    try:
        while await _served(connection, reader, writer, handler, limit):
            connection.start_next_cycle()
    except (h11.ProtocolError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        with contextlib.suppress(h11.ProtocolError, OSError):
            await _respond(
                connection, writer, Response(getattr(error, "error_status_hint", 408), {"error": str(error)})
            )
    finally:
        writer.close()


async def _served(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler, limit: int
) -> bool:
    """Answer one request, which may be large and is let go of before the next is waited for. Returns whether one may come."""
    request = await _request(connection, reader, limit)
    if request is None:
        return False
    await _respond(connection, writer, await _handled(handler, request))
    return not isinstance(request, Response) and connection.our_state is not h11.MUST_CLOSE


async def _handled(handler: Handler, request: Request | Response) -> Response:
    if isinstance(request, Response):
        return request
    try:
        return await handler(request)
    except Exception as error:  # a bug in one answer is said, to us with its place, and ends no other
        traceback.print_exc()
        return Response(500, {"error": f"an error inside the program: {type(error).__name__}: {error}"})


async def _request(connection: h11.Connection, reader: asyncio.StreamReader, limit: int) -> Request | Response | None:
    head = await _event(connection, reader, None)
    if not isinstance(head, h11.Request):
        return None
    body = bytearray()
    async with asyncio.timeout(REQUEST_TIME):
        while True:
            event = await _event(connection, reader, None)
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    return Response(413, {"error": f"the message: larger than {limit} bytes"})
            elif isinstance(event, h11.EndOfMessage):
                return Request(head.method.decode(), head.target.decode(), bytes(body))
            else:
                return None


async def _event(connection: h11.Connection, reader: asyncio.StreamReader, time: float | None) -> Any:
    async with asyncio.timeout(time):
        while True:
            event = connection.next_event()
            if event is not h11.NEED_DATA:
                return event
            connection.receive_data(await reader.read(READ))


async def _respond(connection: h11.Connection, writer: asyncio.StreamWriter, response: Response) -> None:
    body = json.dumps(response.content).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    head = connection.send(h11.Response(status_code=response.status, headers=headers))
    writer.write(
        (head or b"") + (connection.send(h11.Data(data=body)) or b"") + (connection.send(h11.EndOfMessage()) or b"")
    )
    await writer.drain()


@dataclass(slots=True)
class Client:
    """One open connection to a server; requests go one after the other. Use `connect_*` to make one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection
    lock: asyncio.Lock

    async def request(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, *, timeout: float = 30.0
    ) -> Response:
        """Send a request and wait for its answer. Failure if the connection breaks or `timeout` (seconds) passes."""
        async with self.lock:
            try:
                async with asyncio.timeout(timeout):
                    return await self._exchange(method, path, content)
            except TimeoutError:
                self.close()
                raise Lost(f"no answer within {timeout:g} s") from None
            except (OSError, h11.ProtocolError, EOFError) as error:
                self.close()
                why = getattr(error, "strerror", None) or "it ended before the answer"
                raise Lost(f"the connection broke: {why}") from None
            except BaseException:
                self.close()
                raise

    async def _exchange(self, method: str, path: str, content: Mapping[str, Any] | None) -> Response:
        body = b"" if content is None else json.dumps(content).encode()
        headers = [("Host", "csyncd"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        head = self.protocol.send(h11.Request(method=method, target=path, headers=headers)) or b""
        data = (self.protocol.send(h11.Data(data=body)) or b"") if body else b""
        self.writer.write(head + data + (self.protocol.send(h11.EndOfMessage()) or b""))
        await self.writer.drain()
        answer = await _answer(self.protocol, self.reader)
        self.protocol.start_next_cycle()
        return answer

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return not self.writer.is_closing() and not self.reader.at_eof()

    def close(self) -> None:
        """End the connection."""
        self.writer.close()


async def _answer(protocol: h11.Connection, reader: asyncio.StreamReader) -> Response:
    status, body = 0, bytearray()
    while True:
        event = await _event(protocol, reader, None)
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return Response(status, parse_object(bytes(body)))
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError("it was closed before the answer")


async def connect_unix(path: Path) -> Client:
    """A connection to a server's Unix socket; OSError if nobody listens there."""
    try:
        return _client(*await asyncio.open_unix_connection(str(path)))
    except OSError as error:
        error.filename = str(path)
        raise


async def connect_tcp(address: str, port: int, *, tls: Any = None) -> Client:
    """A connection to a TCP server; `tls` is an ssl.SSLContext, or None for plain HTTP."""
    return _client(*await asyncio.open_connection(address, port, ssl=tls))


def _client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
    return Client(reader, writer, h11.Connection(h11.CLIENT, max_incomplete_event_size=65536), asyncio.Lock())
