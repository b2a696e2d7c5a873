"""How often a peer may ask: so many requests at once, and from then on one after each interval. Nobody else waits for it."""

import asyncio


class Turns:
    """The turns of each peer, by its name: `at_once` requests that nobody waits for, and the seconds that each one beyond them
    has to wait for the one before it."""

    def __init__(self, at_once: int, interval: float) -> None:
        self._at_once, self._interval = at_once, interval
        #: when the last request of a peer is due
        self._due: dict[str, float] = {}

    async def wait(self, name: str) -> None:
        """Wait as long as that peer has to."""
        now = asyncio.get_running_loop().time()
        earliest = now - self._at_once * self._interval
        self._due[name] = due = max(self._due.get(name, earliest), earliest) + self._interval
        if due > now:
            await asyncio.sleep(due - now)
