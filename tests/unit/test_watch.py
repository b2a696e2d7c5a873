"""The watch: every change below a directory is noticed, a burst once, and nothing after the end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware import watch
from firmware.watch import Watch

Change = Callable[[Path], object]


def changes_noticed(top: Path, story: Callable[[], Awaitable[None]]) -> int:
    """How often the watch of `top` calls while the story runs, and for a while afterwards."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    async def run() -> None:
        watched = Watch([top], count)
        await story()
        await asyncio.sleep(watch.QUIET_SECONDS * 3)
        watched.close()

    asyncio.run(run())
    return calls


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "a/file").write_text("other"),
        lambda top: (top / "a/file").chmod(0o600),
        lambda top: (top / "a/file").unlink(),
        lambda top: (top / "a/new").touch(),
        lambda top: (top / "a/file").rename(top / "b"),
        lambda top: (top / "a").rename(top / "c"),
        lambda top: (top / "a/link").symlink_to("x"),
    ],
)
def test_a_change_is_noticed(tmp_path: Path, change: Change) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").touch()

    async def story() -> None:
        change(tmp_path)

    assert changes_noticed(tmp_path, story) == 1


def test_nothing_is_noticed_where_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    async def story() -> None:
        (tmp_path / "file").read_text()

    assert changes_noticed(tmp_path, story) == 0


def test_a_directory_that_is_new_is_watched_too(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "new/deep").mkdir(parents=True)
        await asyncio.sleep(watch.QUIET_SECONDS * 3)
        (tmp_path / "new/deep/file").touch()

    assert changes_noticed(tmp_path, story) == 2


def test_a_burst_is_noticed_once_and_a_busy_writer_cannot_put_that_off(tmp_path: Path) -> None:
    async def burst() -> None:
        for number in range(50):
            (tmp_path / f"{number}").touch()

    async def busy() -> None:
        end = asyncio.get_running_loop().time() + watch.MAX_DELAY_SECONDS * 2.5
        while asyncio.get_running_loop().time() < end:
            (tmp_path / "file").touch()
            await asyncio.sleep(watch.QUIET_SECONDS / 10)

    assert changes_noticed(tmp_path, burst) == 1
    assert changes_noticed(tmp_path, busy) >= 2


def test_a_watch_that_is_closed_says_nothing_more(tmp_path: Path) -> None:
    calls: list[int] = []

    async def run() -> None:
        watched = Watch([tmp_path], lambda: calls.append(1))
        (tmp_path / "file").touch()
        await asyncio.sleep(0)
        watched.close()
        (tmp_path / "other").touch()
        await asyncio.sleep(watch.QUIET_SECONDS * 3)

    asyncio.run(run())
    assert calls == []
