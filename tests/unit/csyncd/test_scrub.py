"""The scrub: what it found is said in the log, in the trail and to the peer; what it did not find is not."""

import asyncio
import os
from pathlib import Path
from typing import Any, cast

import directory_node
import pytest

from firmware import log
from firmware.csyncd import scrub
from firmware.csyncd.pair import Pair
from firmware.native import Progress
from firmware.store.paths import Paths
from firmware.sync import audit
from firmware.sync.inventory import EVERYTHING, Inventory
from firmware.watch import Hints


class KnownPair:
    """As much of a pair as a scrub needs: nothing is ever touched, as far as its hints say."""

    def __init__(self, node: Paths) -> None:
        hints = [EVERYTHING]
        self.inventory = Inventory(lambda: hints.pop() if hints else Hints(), node)
        self.told = 0

    async def tell_peer(self) -> None:
        self.told += 1


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    return directory_node.make(tmp_path)


def test_what_changed_without_a_hint_is_said_once(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    noted: list[dict[str, Any]] = []
    monkeypatch.setattr(log, "line", said.append)
    monkeypatch.setattr(audit, "note", lambda event, **details: noted.append({"event": event, **details}))
    pair = KnownPair(node)

    async def play() -> None:
        with pair.inventory.current():
            pass
        assert await scrub.scrub(cast(Pair, pair)) == ()
        assert (said, noted, pair.told) == ([], [], 0)
        for number in range(8):
            (node.etc / f"new\n{number}").touch()
        assert len(await scrub.scrub(cast(Pair, pair))) == 8
        assert await scrub.scrub(cast(Pair, pair)) == ()

    asyncio.run(play())
    assert len(said) == len(noted) == pair.told == 1
    assert "without a notice" in said[0] and "and 2 more" in said[0] and "\n" not in said[0]
    assert noted[0]["event"] == "scrub" and noted[0]["result"] == "found" and len(noted[0]["paths"]) == 8


def test_csyncd_that_ends_does_not_wait_for_a_scrub(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress()
    monkeypatch.setattr(scrub, "Progress", lambda: progress)
    (node.etc / "without end").touch()
    os.truncate(node.etc / "without end", 1 << 40)

    async def play() -> None:
        scrubbing = asyncio.create_task(scrub.scrub(cast(Pair, KnownPair(node))))
        while progress.bytes < 1 << 20:
            await asyncio.sleep(0)
        scrubbing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scrubbing

    asyncio.run(play())  # which waits for the thread
    assert progress.bytes < 1 << 40
