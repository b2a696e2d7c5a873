"""How often a peer may have this node save."""

import asyncio
import time

import pytest

from firmware.csyncd import peer


def test_saves_beyond_a_few_at_once_have_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "SAVE_INTERVAL", 0.1)
    monkeypatch.setattr(peer, "_save_turns", {})

    async def save(name: str, count: int) -> float:
        began = time.monotonic()
        for _ in range(count):
            await peer._wait_for_save_turn(name)
        return time.monotonic() - began

    async def all_of_them() -> tuple[float, ...]:
        return await save("node-2", peer.SAVES_AT_ONCE), await save("node-2", 3), await save("node-3", 3)

    at_once, later, another = asyncio.run(all_of_them())
    assert at_once < 0.1 and 0.15 < later < 1.0 and another < 0.1
