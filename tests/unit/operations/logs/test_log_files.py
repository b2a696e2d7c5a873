"""A log is followed from its end on, through being turned over, and never read as a whole."""

from pathlib import Path

import pytest

from firmware.operations.logs import log_files
from firmware.operations.logs.log_files import LogFiles


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A log with an older file."""
    (tmp_path / "@4000.s").write_bytes(b"one\ntwo\n")
    (tmp_path / "current").write_bytes(b"three\n")
    return tmp_path


def add(directory: Path, data: bytes) -> None:
    with (directory / "current").open("ab") as file:
        file.write(data)


def test_first_the_end_then_what_is_added(directory: Path) -> None:
    log = LogFiles(directory)
    assert log.read_new() == [b"one", b"two", b"three"]
    assert log.read_new() == []
    add(directory, b"four\nfi")
    assert log.read_new() == [b"four"]
    add(directory, b"ve\n")
    assert log.read_new() == [b"five"]


def test_a_log_that_was_turned_over_loses_nothing(directory: Path) -> None:
    log = LogFiles(directory)
    log.read_new()
    add(directory, b"four\n")
    (directory / "current").rename(directory / "@4001.s")
    (directory / "current").write_bytes(b"five\n")
    (directory / "current").rename(directory / "@4002.s")
    (directory / "current").write_bytes(b"six\n")
    assert log.read_new() == [b"four", b"five", b"six"]
    assert log.read_new() == []


def test_a_log_that_begins_anew_or_is_not_there_is_no_error(directory: Path, tmp_path: Path) -> None:
    log, none = LogFiles(directory), LogFiles(tmp_path / "nothing")
    log.read_new()
    for path in directory.glob("*"):
        path.unlink()
    assert log.read_new() == [] and none.read_new() == [] and none.read_new() == []
    (directory / "current").write_bytes(b"new\n")
    assert log.read_new() == [b"new"]


def test_of_much_only_the_end_is_read(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "MOST", 1000)
    add(directory, b"x" * 99 + b"\n")
    add(directory, b"".join(b"%098d\n" % number for number in range(1000)))
    log = LogFiles(directory)
    assert [int(line) for line in log.read_new()] == list(range(990, 1000))
    add(directory, b"".join(b"%098d\n" % number for number in range(1000, 2000)))
    assert int(log.read_new()[-1]) == 1999
    add(directory, b"endless " * 10_000)
    log.read_new()
    add(directory, b"\nnext\n")
    assert log.read_new()[-1] == b"next"


def test_every_line_from_the_first(directory: Path) -> None:
    assert list(log_files.all_lines(directory)) == [b"one", b"two", b"three"]
