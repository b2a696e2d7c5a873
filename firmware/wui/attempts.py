"""The first bound on logins: how many may be tried, before the root half is asked, which counts for itself.

An address may try a few at once, and then one every few seconds; those of all addresses wait for each other, in a short line.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from firmware.errors import Failure

#: what an address may try at once, and the seconds after which it may try once more
AT_ONCE, SECONDS_EACH = 8, 3.0
#: logins that are being checked, and those that wait for it, in all
CHECKED, WAITING = 2, 24
#: addresses that are remembered: who has more of them gains nothing but this many times the bound
REMEMBERED = 1024


class TooMany(Failure):
    """No attempt is made; one may be in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts to log in; the next one may be made in {seconds} s")
        self.seconds = seconds


class Attempts:
    """The attempts of all addresses. An attempt that succeeds costs nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at: dict[str, float] = {}  # when an address has all of its attempts again; the oldest first
        self._of_address = dict[str, int]()
        self._checked = asyncio.Semaphore(CHECKED)
        self._held = 0

    @contextlib.asynccontextmanager
    async def attempt(self, address: str) -> AsyncIterator[None]:
        """While this lasts, an attempt of that address is checked; TooMany if it may not be."""
        self._require_room(address)
        self._charge(address)
        self._held += 1
        self._of_address[address] = self._of_address.get(address, 0) + 1
        try:
            async with self._checked:
                yield
        finally:
            self._held -= 1
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    def forgive(self, address: str) -> None:
        """Whoever logs in has shown that the attempts before were slips."""
        self._free_at.pop(address, None)

    def _require_room(self, address: str) -> None:
        wait = self._free_at.get(address, 0.0) - self._clock() - (AT_ONCE - 1) * SECONDS_EACH
        if wait > 0:
            raise TooMany(int(wait) + 1)
        if self._held >= CHECKED + WAITING or self._of_address.get(address, 0) >= CHECKED:
            raise TooMany(int(SECONDS_EACH))

    def _charge(self, address: str) -> None:
        free_at = max(self._free_at.pop(address, 0.0), self._clock()) + SECONDS_EACH
        self._free_at[address] = free_at
        if len(self._free_at) > REMEMBERED:
            del self._free_at[next(iter(self._free_at))]
