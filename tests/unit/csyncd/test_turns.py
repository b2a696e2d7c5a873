"""How often a peer may ask for something."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from firmware.csyncd import peer
from firmware.csyncd.turns import Turns
from firmware.http11.server import Request
from firmware.sync.keys import Key
from firmware.sync.peer_sshd import RemotePeer


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


def test_a_standing_has_its_turn_before_anything_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One costs all of /etc read and hashed: 760 in 6 s took a processor for themselves."""
    waited: list[str] = []

    async def wait(turns: Turns, name: str) -> None:
        waited.append(name)

    async def exchange(pair: object, remote: RemotePeer, body: dict[str, Any]) -> dict[str, Any]:
        assert waited == ["node-2"]
        return {}

    monkeypatch.setattr(Turns, "wait", wait)
    monkeypatch.setitem(peer.VERBS, "/v1/standing", exchange)
    remote = RemotePeer("node-2", Key("ssh-ed25519", ""), Path("/nowhere"))
    request = Request("POST", "/v1/standing", bytearray(b"{}"), lambda: False)
    assert asyncio.run(peer.answer(None, remote, request, lambda: "")).status == 200  # type: ignore[arg-type]
