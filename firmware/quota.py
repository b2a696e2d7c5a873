"""Quotas: what one client may have of a server, so that it stands in nobody's way but its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from firmware.errors import Failure

#: bytes of a body beyond which it counts as large
LARGE = 65536
#: seconds to wait for the place of a large one
PATIENCE = 60.0


class Turned(Failure):
    """A request that is turned away before it is read; the connection ends with the answer, whose status is `http`."""

    def __init__(self, http: int, message: str) -> None:
        super().__init__(message)
        self.http = http


class Quota:
    """What all connections of one client have together: so many of them, so many answers that are worked out at a time, and
    one large body. A connection too many is turned away; for the others it waits, behind nobody but itself."""

    def __init__(self, connections: int = 64, answers: int = 16) -> None:
        self._most = self._free = connections
        self.answers = asyncio.Semaphore(answers)
        self._large = asyncio.Lock()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Held by each connection while it is served."""
        if not self._free:
            raise Turned(503, f"more than {self._most} connections at a time")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    @asynccontextmanager
    async def place(self, length: int) -> AsyncIterator[None]:
        """Held from the first byte of a body of that length to its answer; a large one has a place to itself."""
        if length <= LARGE:
            yield
            return
        async with within(PATIENCE, 503, "the message: another large one is still being dealt with"):
            await self._large.acquire()
        try:
            yield
        finally:
            self._large.release()


@asynccontextmanager
async def within(seconds: float, status: int, why: str) -> AsyncIterator[None]:
    """Turned away with that status and reason, unless it is done by then."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Turned(status, why) from None
