"""Logs are shown as anybody may see them, filtered, and only those that there are."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.errors import Usage
from firmware.operations.logs import sources
from firmware.operations.logs.kernel import KernelLog
from firmware.operations.logs.sources import LogReader
from firmware.sync import audit
from firmware.sync.audit import Who


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The root directory of a node with a log."""
    (tmp_path / "var/log/messages.d").mkdir(parents=True)
    return tmp_path


def log(top: Path, *lines: str) -> None:
    with open(top / "var/log/messages.d/current", "a", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_nothing_in_a_line_is_obeyed(top: Path) -> None:
    log(top, "\x1b[2Jclear", "right‮left", "caf\udce9", "<b>", "x" * 5000, "end\r")
    lines, _ = LogReader("system", top=top).read_new(10)
    assert lines[:4] == ["\\x1b[2Jclear", "right\\u202eleft", "caf\\351", "<b>"] and lines[5] == "end"
    assert len(lines[4]) < 2100


def test_a_filter_lets_lines_through_whatever_their_case(top: Path) -> None:
    log(top, *(f"Line {number}" for number in range(100)), "other")
    reader = LogReader("system", filter="LINE", top=top)
    assert reader.read_new(3) == (["Line 97", "Line 98", "Line 99"], 97)
    log(top, "nothing", "one more line")
    assert reader.read_new(3) == (["one more line"], 0)
    with pytest.raises(Usage):
        LogReader("system", filter="x" * 201, top=top)


def test_secrets_are_neither_shown_nor_found(top: Path) -> None:
    log(top, "stats auth admin:hunter2")
    assert LogReader("system", secrets=True, top=top).read_new(1)[0] == ["stats auth admin:hunter2"]
    ((line,), _) = LogReader("system", top=top).read_new(1)
    assert "hunter2" not in line and "not shown" in line
    assert LogReader("system", filter="hunter2", top=top).read_new(1) == ([], 0)
    assert "hunter2" not in "".join(sources.whole_log("system", top=top))


def test_there_is_no_other_log(top: Path) -> None:
    for name in ("", "..", "../log/messages", "messages.d", "/etc/passwd", "shadow\n"):
        with pytest.raises(Usage, match="there is no such log"):
            LogReader(name, top=top)
        with pytest.raises(Usage):
            sources.require_source(name)


def test_events_are_the_trail_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "DIRECTORY", tmp_path)
    monkeypatch.setattr(sources, "read_trail", lambda: sources_trail(tmp_path))
    reader = LogReader("events")
    audit.note(
        "push", who=Who("root", "10.0.0.1"), result="applied", directory=tmp_path, service="haproxy", message="a\nb"
    )
    (line,) = reader.read_new(10)[0]
    assert "push  applied  haproxy by root at 10.0.0.1 a b" in line
    assert reader.read_new(10) == ([], 0)
    audit.note("save", who=Who("alice\x1b[2J"), result="refused", directory=tmp_path)
    (line,) = reader.read_new(10)[0]
    assert "save  refused  by alice\\x1b[2J" in line


def sources_trail(directory: Path) -> object:
    from firmware.operations.trail import Trail, _entry

    return Trail(tuple(_entry(line) for line in audit.read(directory).entries), ())


def fake_kernel(records: list[bytes | OSError]) -> Callable[[int, int], bytes]:
    def read(_: int, __: int) -> bytes:
        record = records.pop(0)
        if isinstance(record, OSError):
            raise record
        return record

    return read


def test_the_kernel_says_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kmsg").touch()
    kernel = KernelLog(str(tmp_path / "kmsg"))
    records = [
        b"6,1,5000000,-;first\n SUBSYSTEM=x\n",
        BrokenPipeError(),
        b"nonsense",
        b"3,2,6000000,-,more;second\n",
        BlockingIOError(),
    ]
    monkeypatch.setattr(os, "read", fake_kernel(records))
    first, second = kernel.read_new()
    monkeypatch.undo()
    kernel.close()
    assert (first[1], second[1]) == ("first", "second") and 0.9 < second[0] - first[0] < 1.1
    assert KernelLog(str(tmp_path / "nothing")).read_new() == []
