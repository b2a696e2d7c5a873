"""Quotas: what all connections of one client may have of a server, so that it delays nobody but itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from firmware.errors import Failure

#: bytes of a body beyond which it counts as large
LARGE_BODY = 65536
#: seconds that a large body waits for the one before it
LARGE_BODY_SECONDS = 60.0


class HttpRefusal(Failure):
    """A request that is refused before it is read; the connection ends with the answer, whose status is `http_status`."""

    def __init__(self, http_status: int, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status


class Quota:
    """What all connections of one client have together: so many of them, so many answers that are worked out at a time, and
    one large body. A connection too many is refused; for an answer or a large body it waits, behind nobody but itself.

    Large bodies that are there are dealt with one after the other, in the order in which they came: `memory` is held
    meanwhile, which all clients of a program may share.
    """

    def __init__(
        self,
        connections: int = 64,
        answers: int = 16,
        memory: asyncio.Lock | None = None,
        spool_room: Callable[[], int] | None = None,
    ) -> None:
        #: the bytes that a body of blocks may have at this moment; None for as many as any body
        self.spool_room = spool_room
        self._connections = self._free_connections = connections
        self._answers = asyncio.Semaphore(answers)
        self._large_body = asyncio.Lock()
        self._memory = memory or asyncio.Lock()

    @contextmanager
    def hold_connection(self) -> Iterator[None]:
        """Held by each connection while it is served."""
        if not self._free_connections:
            raise HttpRefusal(503, f"more than {self._connections} connections at a time")
        self._free_connections -= 1
        try:
            yield
        finally:
            self._free_connections += 1

    @asynccontextmanager
    async def hold_body(self, length: int) -> AsyncIterator[None]:
        """Held from the first byte of a body of that length to its answer; a large one has a place to itself."""
        if length <= LARGE_BODY:
            yield
            return
        async with refuse_after(LARGE_BODY_SECONDS, 503, "the message: another large one is still being dealt with"):
            await self._large_body.acquire()
        try:
            yield
        finally:
            self._large_body.release()

    @asynccontextmanager
    async def hold_answer(self, length: int) -> AsyncIterator[None]:
        """Held while the answer to a body of that length is worked out, from when the body is there."""
        async with self._answers:
            if length <= LARGE_BODY:
                yield
                return
            async with self._memory:
                yield


@asynccontextmanager
async def refuse_after(seconds: float, status: int, why: str) -> AsyncIterator[asyncio.Timeout]:
    """HttpRefusal with that status and reason, unless it is done by then, or by when it is put off to."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise HttpRefusal(status, why) from None
