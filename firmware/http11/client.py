"""A client over asyncio streams: one connection that stays open, for requests that go one after the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import h11

from firmware.errors import Lost
from firmware.http11 import wire
from firmware.http11.encoded import Encoded
from firmware.http11.json_body import Json, parse_body
from firmware.http11.quota import LARGE_BODY
from firmware.http11.wire import READ_SIZE, Content, Response


@dataclass(slots=True)
class Client:
    """One open connection to a server; requests go one after the other. Use `connect_*` to make one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection
    lock: asyncio.Lock

    async def request(self, method: str, path: str, content: Content = None, *, timeout: float = 30.0) -> Response:
        """Send a request and wait for its answer. Failure if the connection breaks, or `timeout` (seconds) passes since a
        piece of the request was taken."""
        async with self.lock:
            try:
                async with asyncio.timeout(timeout) as limit:
                    return await self._exchange(method, path, content, timeout, limit)
            except TimeoutError:
                self.close()
                raise Lost(f"no answer within {timeout:g} s") from None
            except wire.CONNECTION_ERRORS as error:
                self.close()
                raise Lost(wire.connection_error_text(error)) from None
            except BaseException:
                self.close()
                raise

    async def _exchange(
        self, method: str, path: str, content: Content, timeout: float, limit: asyncio.Timeout
    ) -> Response:
        reading, clock, sent = asyncio.ensure_future(self.reader.read(READ_SIZE)), asyncio.get_running_loop().time, 0
        began = clock()
        try:
            async for piece in _pieces(wire.encode_request(self.protocol, method, path, content), content):
                limit.reschedule(min(began + sent / wire.LEAST_RATE, clock()) + timeout)
                sent += len(piece)
                if not await self._send(piece, reading):
                    break
            answer = wire.ResponseReader(self.protocol)
            more = not answer.feed(await reading)
        finally:
            reading.cancel()
        while more:
            more = not answer.feed(await self.reader.read(READ_SIZE))
        if self.protocol.our_state is self.protocol.their_state is h11.DONE:
            self.protocol.start_next_cycle()
        else:
            self.close()
        return Response(answer.status, await parse_without_blocking(answer.body))

    async def _send(self, piece: bytes, reading: asyncio.Future[bytes]) -> bool:
        """Send it. Not true if there is an answer already: that is a refusal, and nobody reads the rest."""
        try:
            self.writer.write(piece)
            await self.writer.drain()
        except OSError:
            if not reading.done() or reading.exception():
                raise
        return not reading.done()

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return not self.writer.is_closing() and not self.reader.at_eof()

    def close(self) -> None:
        """End the connection."""
        self.writer.close()


async def _pieces(pieces: Iterator[bytes], content: Content) -> AsyncIterator[bytes]:
    """They are made in a thread where they are many: whoever makes them has much to read."""
    if not isinstance(content, Encoded) or (content.size is not None and content.size <= LARGE_BODY):
        for piece in pieces:
            yield piece
        return
    while (one := await asyncio.to_thread(next, pieces, None)) is not None:
        yield one


async def connect_unix(path: Path) -> Client:
    """A connection to a server's Unix socket; OSError if nobody listens there."""
    try:
        return _new_client(*await asyncio.open_unix_connection(str(path)))
    except OSError as error:
        error.filename = str(path)
        raise


def _new_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
    return Client(reader, writer, wire.client_protocol(), asyncio.Lock())


async def parse_without_blocking(body: bytearray) -> Json:
    """Parse a body as `parse_body` does; a large one in a thread, so that the loop goes on meanwhile."""
    if len(body) <= LARGE_BODY:
        return parse_body(body)
    return await asyncio.to_thread(parse_body, body)
