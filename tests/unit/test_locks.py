"""Locks: each is held by one, and ends with its process."""

import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from firmware import locks
from firmware.errors import Busy, Refused


def test_a_lock_is_held_by_one_and_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"from firmware import locks; from pathlib import Path; import sys\nwith locks.hold(Path({str(lock)!r})): print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(locks.__file__).parents[1],
    )  # fmt: skip
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(Busy, match="another command is at work"), locks.hold(lock, wait=False):
        pass
    holder.kill()
    holder.communicate()
    with locks.hold(lock, wait=False):
        pass


def test_who_holds_a_lock_for_too_long_is_named(tmp_path: Path) -> None:
    """By the program and its verb: what else it was told may be secret."""
    program, lock = tmp_path / "config", tmp_path / "lock"
    program.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(locks.__file__).parents[1])!r})\nfrom firmware import locks\nfrom pathlib import Path\n"
        f"with locks.hold(Path({str(lock)!r})):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    argv = [sys.executable, str(program), "save", "-m", "secret"]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(Busy) as raised, locks.hold_soon(lock, "/flash", seconds=0):
        pass
    assert str(raised.value) == f"/flash: config save (process {holder.pid}) is at work on it"
    assert f"kill -CONT {holder.pid}" in raised.value.hint
    asked = Thread(target=lambda: holder.communicate(""))
    asked.start()
    with locks.hold_soon(lock, "/flash"):  # it is waited for
        asked.join()
    with locks.hold_soon(lock, "/flash", seconds=0):
        pass


def test_locks_have_different_files() -> None:
    titles = [path(title) for title in ("haproxy", "network.eth0") for path in (locks.service_lock, locks.push_lock)]
    paths = [locks.SWAP, locks.FLASH, locks.CONFIG, locks.ANCESTORS, *titles]
    assert len({*paths}) == len(paths)
    assert {path.parent for path in paths} == {locks.TOP} == {Path("/run/firmware/lock")}
    assert locks.push_lock("network.eth0").name == "push of network.eth0"


@pytest.mark.parametrize("title", ["", ".", "..", ".x", "a/b", "/tmp/zz", "../zz", "a\0b"])
def test_a_lock_has_a_plain_name(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TOP", tmp_path / "lock")
    with pytest.raises(Refused, match="not the name of a service"), locks.hold(locks.service_lock(title)):
        pass
    assert list(tmp_path.iterdir()) == []
    with locks.hold(locks.service_lock("network.eth0")):
        assert [path.name for path in (tmp_path / "lock").iterdir()] == ["network.eth0"]


@pytest.mark.parametrize("title", ["a/b", "../../etc/passwd", "a\0b"])
def test_what_is_no_name_is_refused_for_a_push_too(title: str) -> None:
    with pytest.raises(Refused, match="it is not the name of a service"):
        locks.push_lock(title)
