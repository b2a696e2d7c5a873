"""How often a peer may ask for something."""

import asyncio
import time

from firmware.csyncd import peer
from firmware.csyncd.turns import Turns


def test_requests_beyond_a_few_at_once_have_to_wait_and_nobody_elses_do() -> None:
    turns = Turns(10, 0.1)

    async def ask(name: str, count: int) -> float:
        began = time.monotonic()
        for _ in range(count):
            await turns.wait(name)
        return time.monotonic() - began

    async def all_of_them() -> tuple[float, ...]:
        return await ask("node-2", 10), await ask("node-2", 3), await ask("node-3", 3)

    at_once, later, another = asyncio.run(all_of_them())
    assert at_once < 0.1 and 0.15 < later < 1.0 and another < 0.1


def test_each_verb_of_a_peer_has_turns() -> None:
    assert peer.TURNS.keys() == peer.VERBS.keys()
