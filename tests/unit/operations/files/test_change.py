"""What is done to files by their names stays where it was asked for."""

import os
from pathlib import Path

import pytest

from firmware.errors import Failure, Refused, Usage
from firmware.operations.files import change
from firmware.sync import audit
from firmware.sync.audit import Who

ALICE = Who("alice", "192.0.2.7", "web")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A root directory with something in it, and something outside."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("outside")
    (tmp_path / "top/etc/full").mkdir(parents=True)
    (tmp_path / "top/etc/full/file").write_text("x")
    (tmp_path / "top/etc/file").write_text("inside")
    (tmp_path / "top/etc/link").symlink_to(tmp_path / "out")
    return tmp_path / "top"


def remove(top: Path, path: str, *, recursive: bool = False) -> None:
    change.remove(path, recursive=recursive, who=ALICE, top=top, trail=top.parent / "trail")


def move(top: Path, source: str, target: str) -> None:
    change.move(source, target, who=ALICE, top=top, trail=top.parent / "trail")


def set_mode(top: Path, path: str, mode: str | None, owner: str | None = None, group: str | None = None) -> None:
    change.set_mode(path, mode, owner, group, who=ALICE, top=top, trail=top.parent / "trail")


def test_a_directory_goes_with_what_is_in_it_only_if_that_is_asked_for(top: Path) -> None:
    with pytest.raises(Refused, match="/etc/full: there is something in it"):
        remove(top, "/etc/full")
    remove(top, "/etc/full", recursive=True)
    assert not (top / "etc/full").exists()


def test_a_link_is_removed_and_moved_itself(top: Path) -> None:
    move(top, "/etc/link", "/etc/other")
    assert os.readlink(top / "etc/other") == str(top.parent / "out")
    remove(top, "/etc/other", recursive=True)
    assert not os.path.lexists(top / "etc/other") and (top.parent / "out/file").exists()


def test_nothing_is_done_through_a_link(top: Path) -> None:
    for act in (
        lambda: remove(top, "/etc/link/file"),
        lambda: move(top, "/etc/link/file", "/etc/taken"),
        lambda: move(top, "/etc/file", "/etc/link/file2"),
        lambda: set_mode(top, "/etc/link/file", "0777"),
        lambda: set_mode(top, "/etc/link", "0777"),
    ):
        with pytest.raises(Refused, match="/etc/link: it is a link"):
            act()
    assert os.listdir(top.parent / "out") == ["file"] and (top.parent / "out/file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("source", "target"), [("/etc/file", "/etc/full/file"), ("/etc/full", "/etc/file"), ("/etc/file", "/etc/full")]
)
def test_moving_replaces_nothing(top: Path, source: str, target: str) -> None:
    with pytest.raises(Refused, match=f"{target}: it exists already"):
        move(top, source, target)
    assert (top / "etc/file").read_text() == "inside" and (top / "etc/full/file").read_text() == "x"


def test_files_and_directories_are_moved(top: Path) -> None:
    move(top, "/etc/file", "/etc/full/renamed")
    move(top, "/etc/full", "/etc/caf\\351")
    assert (top / "etc/caf\udce9/renamed").read_text() == "inside"
    for target in ("/etc/caf\\351", "/etc/caf\\351/below"):
        with pytest.raises(Usage, match="cannot be moved"):
            move(top, "/etc/caf\\351", target)


def test_a_mode_is_four_octal_digits(top: Path) -> None:
    set_mode(top, "/etc/file", "4750")
    assert (top / "etc/file").stat().st_mode & 0o7777 == 0o4750
    for mode in ("", "99", "0o644", "-1", "77777", "u+x"):
        with pytest.raises(Usage, match="not a mode"):
            set_mode(top, "/etc/file", mode)


@pytest.mark.root
def test_an_owner_is_an_account_or_a_number_and_the_mode_stays(top: Path) -> None:
    (top / "etc/file").chmod(0o4755)
    set_mode(top, "/etc/file", None, "65534", "0")
    status = (top / "etc/file").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (65534, 0, 0o4755)
    set_mode(top, "/etc/file", None, "root")
    assert (top / "etc/file").stat().st_uid == 0
    for owner in ("nobody knows", "-1", "4294967295", "99999999999"):
        with pytest.raises(Usage, match="no such account"):
            set_mode(top, "/etc/file", None, owner)


def test_a_fifo_gets_a_mode_and_keeps_nobody_waiting(top: Path) -> None:
    os.mkfifo(top / "etc/fifo")
    set_mode(top, "/etc/fifo", "0600")
    remove(top, "/etc/fifo")


def test_a_directory_is_made_once(top: Path) -> None:
    change.make_directory("/etc/new", who=ALICE, top=top, trail=top.parent / "trail")
    assert (top / "etc/new").stat().st_mode & 0o7777 == 0o755
    for path in ("/etc/new", "/etc/file", "/etc/link"):
        with pytest.raises(Refused, match="it exists already"):
            change.make_directory(path, who=ALICE, top=top, trail=top.parent / "trail")


@pytest.mark.parametrize("path", ["/", "/etc", "/proc", "/proc/self", "/usr", "/nothing"])
def test_what_the_node_needs_is_not_removed(path: str) -> None:
    for act in (lambda: change.remove(path, recursive=True, who=ALICE), lambda: change.move(path, "/tmp/x", who=ALICE)):
        with pytest.raises((Refused, Usage)):
            act()
    assert os.path.isdir("/etc")


def test_what_is_mounted_below_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b/mount").mkdir(parents=True)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"none {tmp_path}/a\\040b/mount tmpfs rw 0 0\n")
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, **more: read(mounts if str(path) == "/proc/self/mounts" else path, **more)
    )
    with pytest.raises(Refused, match="a b/mount: something is mounted there"):
        remove(tmp_path, "/a b", recursive=True)
    assert (tmp_path / "a b/mount").is_dir()


def test_who_did_it_is_noted(top: Path) -> None:
    move(top, "/etc/file", "/etc/new\\012name")
    set_mode(top, "/etc/full", "0700")
    moved, mode = audit.read(top.parent / "trail").entries
    assert (moved["event"], moved["who"], moved["from"]) == ("file moved", "alice", "192.0.2.7")
    assert moved["files"] == ["/etc/file", "/etc/new\\012name"] and "mode 0700" in mode["message"]


def test_what_is_not_there_cannot_be_changed(top: Path) -> None:
    for act in (
        lambda: remove(top, "/etc/nothing"),
        lambda: move(top, "/etc/nothing", "/etc/x"),
        lambda: set_mode(top, "/etc/nothing", "0644"),
    ):
        with pytest.raises(Failure, match="/etc/nothing: No such file"):
            act()
