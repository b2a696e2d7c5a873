"""What daemons and flows say, and where the trace of an error goes that nobody foresaw."""

import socket
from pathlib import Path

import pytest

from firmware import log
from firmware.errors import Failure


def error() -> Exception:
    """An error with a trace, as a bug raises it."""
    try:
        raise KeyError("a key\nof two lines")
    except KeyError as found:
        return found


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No system's log listens."""
    monkeypatch.setattr(log, "SYSLOG", str(tmp_path / "none"))
    monkeypatch.setattr(log, "FALLBACK", tmp_path / "run" / "errors.log")


def number(said: Failure) -> str:
    """The number in its text."""
    return str(said).partition("(number ")[2][:6]


def test_a_line_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    log.line("one\x1b[2J\ttwo\nthree")
    assert capsys.readouterr().err == "one\\x1b[2J\ttwo\nthree\n"


def test_a_trace_goes_to_the_file_while_no_log_listens(silent: None, tmp_path: Path) -> None:
    file = tmp_path / "run" / "errors.log"
    said = log.internal_error("csync", error())
    assert str(said) == f"an error inside the program (number {number(said)}): see the log"
    assert said.hint == f"grep {number(said)} {file}" and said.status == 1
    lines = file.read_text().splitlines()
    assert all(line.startswith(f"csync: error {number(said)}: ") for line in lines)
    assert "Traceback" in lines[0] and "KeyError" in lines[-1]
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_file_does_not_grow_without_end(silent: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    for _ in range(50):
        log.internal_error("csync", error())
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"errors.log", "errors.log.1"}
    assert sum(path.stat().st_size for path in (tmp_path / "run").iterdir()) < 2 * 3000


def test_a_trace_goes_to_the_systems_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[tuple[int, str]] = []
    monkeypatch.setattr(log, "SYSLOG", str(tmp_path / "log"))
    monkeypatch.setattr(log, "FALLBACK", tmp_path / "errors.log")
    monkeypatch.setattr("syslog.syslog", lambda priority, text: sent.append((priority, text)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(log.SYSLOG)
        said = log.internal_error("csync", error())
    assert said.hint == f"logread | grep {number(said)}"
    assert sent and all(text.startswith(f"error {number(said)}: ") and "\n" not in text for _, text in sent)
    assert not (tmp_path / "errors.log").exists()


def test_where_nothing_can_be_written_one_line_says_it_all(silent: None, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    said = log.internal_error("csync", error())
    assert str(said).endswith("): KeyError: 'a key\\nof two lines'") and "\n" not in str(said) and not said.hint
