"""The manifest of a directory: what lies there, what is left out, what differs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pyinotify
import pytest

from firmware import directory, manifest, native
from firmware.errors import Failure
from firmware.patterns import PathPatterns


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A directory with an entry of every kind."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_bytes(b"x" * 10)
    (tmp_path / "a/link").symlink_to("b/file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a/b/file").chmod(0o640)
    return tmp_path


def test_every_entry_is_there_in_order(top: Path) -> None:
    found = manifest.scan(top, named=Path("/etc"))
    assert list(found) == ["/etc/a", "/etc/a/b", "/etc/a/b/file", "/etc/a/link", "/etc/pipe"]
    assert [entry.kind for entry in found.values()] == ["dir", "dir", "file", "link", "other"]
    entry = found["/etc/a/b/file"]
    assert (entry.path, entry.mode, entry.size, entry.digest) == (
        "/etc/a/b/file", 0o640, 10, native.bytes_digest(b"x" * 10),
    )  # fmt: skip
    assert found["/etc/a/link"].digest == native.bytes_digest(b"b/file")
    assert found["/etc/pipe"].digest == ""


def test_entries_are_named_after_their_place_unless_another_one_is_given(top: Path) -> None:
    assert list(manifest.scan(top / "a")) == [f"{top}/a/b", f"{top}/a/b/file", f"{top}/a/link"]
    assert list(manifest.scan(top / "a", named=Path("/"))) == ["/b", "/b/file", "/link"]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), ["/a", "/a/b", "/a/b/file", "/a/link", "/pipe"]),
        (("/a/b",), ["/a", "/a/link", "/pipe"]),
        (("/a",), ["/pipe"]),
        (("file", "p*"), ["/a", "/a/b", "/a/link"]),
        (("*",), []),
    ],
)
def test_patterns_leave_out_paths_and_what_is_below_them(top: Path, patterns: tuple[str, ...], left: list[str]) -> None:
    assert list(manifest.scan(top, named=Path("/"), leave_out=PathPatterns(patterns))) == left


def test_what_is_left_out_is_not_looked_at(top: Path) -> None:
    manager = pyinotify.WatchManager()
    opened: list[str] = []
    notifier = pyinotify.Notifier(manager, lambda event: opened.append(event.path), timeout=0)
    manager.add_watch([str(top / "a"), str(top / "a/b")], pyinotify.IN_OPEN)
    manifest.scan(top, named=Path("/"), leave_out=PathPatterns(("/a/b",)))
    while notifier.check_events():
        notifier.read_events()
        notifier.process_events()
    notifier.stop()
    assert set(opened) == {str(top / "a")}


def test_nothing_is_there_where_there_is_no_directory(top: Path) -> None:
    assert manifest.scan(top / "nothing") == manifest.scan(top / "a/b/file") == {}
    assert manifest.entry_at(top / "nothing") is None
    assert manifest.entry_at(top / "a/b/file/x") is None


def test_an_entry_alone_has_the_name_that_is_given(top: Path) -> None:
    named, own = manifest.entry_at(top / "a", "/etc/a"), manifest.entry_at(top / "a")
    assert named and named.path == "/etc/a"
    assert own and own.path == f"{top}/a"


def test_a_comparison_tells_what_came_changed_and_went(top: Path) -> None:
    before = manifest.scan(top, named=Path("/etc"))
    (top / "a/b/file").chmod(0o600)
    (top / "a/link").unlink()
    (top / "new").touch()
    found = manifest.compare(before, manifest.scan(top, named=Path("/etc")))
    assert found == manifest.Comparison(("/etc/new",), ("/etc/a/b/file",), ("/etc/a/link",))
    assert found.paths == ("/etc/new", "/etc/a/b/file", "/etc/a/link")
    assert manifest.compare(before, before).paths == ()


def test_entries_below_a_path(top: Path) -> None:
    found = manifest.scan(top, named=Path("/etc"))
    assert list(manifest.entries_below(found, "/etc/a/b")) == ["/etc/a/b/file"]
    assert list(manifest.entries_below(found, "/etc/a/l")) == []
    assert manifest.entries_below(found, "") == {}


def test_a_file_is_read_with_its_digest(top: Path) -> None:
    assert manifest.read_with_digest(top, "a/b/file") == (b"x" * 10, native.bytes_digest(b"x" * 10))


def test_a_link_is_never_read_through(top: Path) -> None:
    with pytest.raises(OSError, match="symbolic links"):
        manifest.read_with_digest(top, "a/link")
    (top / "aside").symlink_to("a")
    with pytest.raises(NotADirectoryError, match="aside/b/file"):
        manifest.read_with_digest(top, "aside/b/file")


def test_a_file_that_keeps_changing_is_a_failure(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_is_unchanged", lambda before, after: False)
    for read in (lambda: manifest.read_with_digest(top, "a/b/file"), lambda: manifest.entry_at(top / "a/b/file")):
        with pytest.raises(Failure, match="it changes while it is being read"):
            read()


def test_accounts_without_a_name_are_numbers(top: Path) -> None:
    manifest.forget_names()
    assert (manifest.user_name(0), manifest.group_name(0)) == ("root", "root")
    assert (manifest.user_name(54321), manifest.group_name(54321)) == ("54321", "54321")


def test_a_further_name_of_a_file_that_is_being_read_is_no_change(tmp_path: Path) -> None:
    """A push that arrives gives applied files such names. The control: what is written meanwhile is one."""
    data, path = b"x" * (3 * directory.PIECE), tmp_path / "file"
    path.write_bytes(data)

    def read() -> Iterator[bytes]:
        digest = native.bytes_digest(data)
        return manifest.read_pieces(tmp_path, "file", digest, lambda: Failure("it changed"))

    named = read()
    begun = next(named)
    os.utime(path, ns=(0, 0))
    os.link(path, tmp_path / "other")
    assert begun + b"".join(named) == data
    written = read()
    next(written)
    with open(path, "r+b") as file:
        file.write(b"y")
    with pytest.raises(Failure, match="it changed"):
        list(written)
