"""The durable write, and the guard for foreign paths."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import files
from firmware.errors import Refused


def test_a_write_keeps_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o640)
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o7777 == 0o640
    files.write(tmp_path / "g", b"", mode=0o600)
    assert (tmp_path / "g").stat().st_mode & 0o7777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["f", "g"]


@pytest.mark.root
def test_owner_is_kept_and_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    os.chown(path, 12, 34)
    files.write(path, b"x")
    assert (path.stat().st_uid, path.stat().st_gid) == (12, 34)
    files.write(path, b"y", owner=(5, 6))
    assert (path.stat().st_uid, path.stat().st_gid) == (5, 6)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write(path, b"new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_the_order_is_write_fsync_rename_fsync_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: (
            order.append("fsync " + ("dir" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")),
            fsync(handle),
        )[1],
    )
    monkeypatch.setattr(os, "replace", lambda one, other: (order.append("rename"), replace(one, other))[1])
    files.write(tmp_path / "f", b"x")
    assert order == ["fsync file", "rename", "fsync dir"]


@given(
    st.text(max_size=80) | st.lists(st.sampled_from(["a", "..", ".", "", "b c", "\0", "/"]), max_size=5).map("/".join)
)
def test_nothing_gets_out_from_below(name: str) -> None:
    top = Path("/srv/top")
    try:
        path = files.safe_join(top, name)
    except Refused:
        return
    assert os.path.normpath(path).startswith("/srv/top/")
    assert str(path) == f"/srv/top/{name}"


def test_a_scratch_directory_goes_and_those_of_killed_processes_go_with_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"trial.{ended.pid}.a_b", f"trial.{os.getppid()}.a_b", f"typed.{ended.pid}.a_b", "trial.log"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "passwd").write_text("root")
    with files.scratch_directory("trial", tmp_path) as made:
        assert made.name.startswith(f"trial.{os.getpid()}.") and made.stat().st_mode & 0o7777 == 0o700
        assert not (tmp_path / f"trial.{ended.pid}.a_b").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        (f"trial.{os.getppid()}.a_b", f"typed.{ended.pid}.a_b", "trial.log")
    )
