"""The link while its ssh ends: what is said is why, and not what a socket says that nobody listens at any more."""

import asyncio
import socket
from pathlib import Path

import pytest

from firmware.errors import Failure
from firmware.sync.link import Link
from firmware.sync.link_problems import CABLE_REMEDY
from firmware.sync.message import Message
from firmware.sync.settings import Settings


async def do_nothing() -> None:
    """Nobody waits for the link to be up."""


@pytest.mark.parametrize("left_behind", [True, False])
@pytest.mark.parametrize("turns", [1, 2, 3, 20])
def test_who_asks_while_ssh_ends_is_told_why_it_ended(tmp_path: Path, left_behind: bool, turns: int) -> None:
    """Its socket is still there without a listener, or is gone; the reason follows once the way has been looked at."""
    if left_behind:
        with socket.socket(socket.AF_UNIX) as ended:
            ended.bind(str(tmp_path / "link.sock"))

    async def ask() -> None:
        link = Link(Settings("10.0.32.11", "10.0.32.12", 1, 2), do_nothing, lambda why: None, where=tmp_path)
        link.reason = ""
        asked = asyncio.create_task(link.request("/state", {}, Message.__str__, lane="notices", timeout=5))
        for _ in range(turns):
            await asyncio.sleep(0)
        link.mark_down("the connection is dead", CABLE_REMEDY)
        await asked

    with pytest.raises(Failure, match="cannot be reached: the connection is dead") as told:
        asyncio.run(ask())
    assert told.value.hint == CABLE_REMEDY
