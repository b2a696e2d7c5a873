"""The heap is trimmed once nothing has been done for a moment, however much was done before."""

import asyncio

import pytest

from firmware import native
from firmware.csyncd import heap


def test_work_puts_it_off_and_then_it_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trims = []
    monkeypatch.setattr(heap, "QUIET_SECONDS", 0.05)

    async def work() -> None:
        done = asyncio.Event()
        monkeypatch.setattr(native, "trim_heap", lambda: (trims.append(1), done.set()))
        for _ in range(100):
            heap.trim_when_idle()
            await asyncio.sleep(0)
        assert not trims
        await asyncio.wait_for(done.wait(), 5)

    asyncio.run(work())
    assert trims == [1]


def test_trimming_the_heap_can_be_done_at_any_time() -> None:
    native.trim_heap()
    data = bytearray(1 << 20)
    native.trim_heap()
    assert not any(data)
