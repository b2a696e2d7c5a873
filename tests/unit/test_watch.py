"""The watch: every change below a directory is noticed, a burst once, and nothing after the end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyinotify
import pytest

from firmware import native, watch
from firmware.patterns import PathPatterns
from firmware.watch import Hints, Watch

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


def hints_of(top: Path, story: Callable[[Watch], None], **options: Any) -> Hints:
    """What the watch of `top` says was touched by the story, once what it has to say at its start is taken."""

    async def run() -> Hints:
        watched = Watch([top], lambda: None, **options)
        assert watched.take_hints().doubt
        assert watched.take_hints() == Hints()
        story(watched)
        found = watched.take_hints()
        assert watched.take_hints() == Hints()
        watched.close()
        return found

    return asyncio.run(run())


def test_hints_are_the_paths_that_were_touched(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)

    def story(_: Watch) -> None:
        (tmp_path / "one").touch()
        (tmp_path / "a/b/two").touch()
        (tmp_path / "a/b").chmod(0o700)
        (tmp_path / "\udcff").touch()

    found = hints_of(tmp_path, story)
    assert found == Hints(
        frozenset(map(str, (tmp_path / "one", tmp_path / "a/b", tmp_path / "a/b/two", tmp_path / "\udcff")))
    )
    assert found.touch(str(tmp_path / "one")) and not found.touch(str(tmp_path / "a"))


def test_a_directory_that_comes_or_goes_is_in_doubt_with_all_below_it(tmp_path: Path) -> None:
    for name in ("gone", "old", "one", "other"):
        (tmp_path / name / "deep").mkdir(parents=True)

    def story(_: Watch) -> None:
        (tmp_path / "new").mkdir()
        (tmp_path / "gone/deep").rmdir()
        (tmp_path / "old").rename(tmp_path / "moved")
        native.exchange(tmp_path / "one", tmp_path / "other")

    found = hints_of(tmp_path, story)
    names = ("new", "gone/deep", "old", "moved", "one", "other")
    assert found.trees == {str(tmp_path / name) for name in names} and not found.doubt
    assert found.touch(str(tmp_path / "moved/deep/file")) and not found.touch(str(tmp_path / "moved.too"))


def test_what_was_moved_is_watched_where_it_is_now(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / "deep").mkdir(parents=True)

    def story(watched: Watch) -> None:
        native.exchange(tmp_path / "one", tmp_path / "other")
        (tmp_path / "other").rename(tmp_path / "third")
        watched.take_hints()
        (tmp_path / "one/deep/file").touch()
        (tmp_path / "third/deep/file").touch()

    found = hints_of(tmp_path, story)
    assert found == Hints(frozenset((f"{tmp_path}/one/deep/file", f"{tmp_path}/third/deep/file")))


def test_a_queue_that_overflows_is_a_doubt_and_what_came_meanwhile_is_watched(tmp_path: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()

    def story(watched: Watch) -> None:
        for _ in range(most // 2 + 1):
            (tmp_path / "a").chmod(0o600)
            (tmp_path / "b").chmod(0o600)
        (tmp_path / "new").mkdir()
        assert "more happened" in watched.take_hints().doubt
        (tmp_path / "new/file").touch()

    assert hints_of(tmp_path, story).paths == {f"{tmp_path}/new/file"}


def test_a_top_that_comes_or_goes_is_a_doubt_until_it_is_watched_again(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()

    def story(watched: Watch) -> None:
        top.rmdir()
        assert watched.take_hints().doubt
        assert "is not there" in watched.take_hints().doubt
        top.mkdir()
        watched.take_hints()
        (top / "file").touch()

    assert hints_of(top, story).paths == {str(top / "file")}


def test_what_cannot_be_watched_is_a_doubt_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyinotify._CtypesLibcINotifyWrapper, "_inotify_add_watch", lambda *_: -1)

    async def run() -> None:
        watched = Watch([tmp_path], lambda: None)
        assert watched.take_hints().doubt
        for _ in range(2):
            assert "cannot be watched" in watched.take_hints().doubt
        watched.close()

    asyncio.run(run())


def test_what_is_left_out_is_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "stage/a/tree").mkdir(parents=True)

    def story(watched: Watch) -> None:
        (tmp_path / "stage/a/tree/file").touch()
        (tmp_path / "stage/a/journal").touch()
        (tmp_path / "stage/a/lent").mkdir()
        watched.take_hints()
        (tmp_path / "stage/a/lent/file").touch()

    def journal(_: Watch) -> None:
        (tmp_path / "stage/a/journal").write_text("x")

    leave_out = PathPatterns((f"{tmp_path}/stage/*/*",))
    assert hints_of(tmp_path, story, leave_out=leave_out) == Hints()
    assert hints_of(tmp_path, journal, leave_out=leave_out).paths == {f"{tmp_path}/stage/a/journal"}


def test_a_flat_directory_is_watched_no_deeper(tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    (flat / "a").mkdir(parents=True)
    (tmp_path / "top").mkdir()

    def story(watched: Watch) -> None:
        (flat / "b").mkdir()
        assert watched.take_hints().paths == {f"{flat}/b"}
        (flat / "a/file").touch()
        (flat / "b/file").touch()

    assert hints_of(tmp_path / "top", story, flat=[flat]) == Hints()


def test_who_takes_hints_takes_nobodys_notice_away(tmp_path: Path) -> None:
    calls: list[int] = []

    async def run() -> None:
        watched = Watch([tmp_path], lambda: calls.append(1))
        (tmp_path / "file").touch()
        assert (await asyncio.to_thread(watched.take_hints)).touch(str(tmp_path / "file"))
        await asyncio.sleep(watch.QUIET_SECONDS * 3)
        watched.close()

    asyncio.run(run())
    assert calls == [1]
