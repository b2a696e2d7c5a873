"""A client over asyncio streams: one connection that stays open, for questions that go one after the other."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11

from firmware import messages
from firmware.errors import Lost
from firmware.http11 import wire
from firmware.http11.wire import READ, Response
from firmware.messages import Json
from firmware.quota import LARGE


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
            except wire.BROKEN as error:
                self.close()
                raise Lost(wire.broken(error)) from None
            except BaseException:
                self.close()
                raise

    async def _exchange(self, method: str, path: str, content: Mapping[str, Any] | None) -> Response:
        self.writer.write(wire.question(self.protocol, method, path, content))
        await self.writer.drain()
        answer = wire.Answer(self.protocol)
        while not answer.take(await self.reader.read(READ)):
            pass
        if self.protocol.their_state is h11.DONE:
            self.protocol.start_next_cycle()
        else:
            self.close()
        return Response(answer.status, await parsed(answer.body))

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return not self.writer.is_closing() and not self.reader.at_eof()

    def close(self) -> None:
        """End the connection."""
        self.writer.close()


async def connect_unix(path: Path) -> Client:
    """A connection to a server's Unix socket; OSError if nobody listens there."""
    try:
        return _client(*await asyncio.open_unix_connection(str(path)))
    except OSError as error:
        error.filename = str(path)
        raise


def _client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
    return Client(reader, writer, wire.speaker(), asyncio.Lock())


async def parsed(body: bytearray) -> Json:
    """A large one in a thread, and without the bytes, once its text is there."""
    if len(body) <= LARGE:
        return messages.parse(body)
    return await asyncio.to_thread(messages.parse, body)
