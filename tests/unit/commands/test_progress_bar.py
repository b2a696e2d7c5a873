"""The bar of a push: on a terminal, once it has taken a second, and gone when it is over."""

import io

import pytest

from firmware.commands import progress_bar

HALF = {"bytes": 5_000_000, "bytes_total": 10_000_000, "files": 3, "files_total": 9, "phase": "sending"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_has_bytes_files_and_the_time_that_is_left() -> None:
    line = progress_bar.bar_line("push", HALF, 2.0)
    assert line == f"push: sending [{'#' * 12}{' ' * 12}] 5.0 of 10.0 MB, 3 of 9 files, 2 s left"
    done = {**HALF, "bytes": 10_000_000, "files": 9, "phase": "waiting for the other node"}
    assert progress_bar.bar_line("push", done, 9.0).endswith("] 10.0 of 10.0 MB, 9 of 9 files")
    assert "0.0 of 0.0 MB" in progress_bar.bar_line("push", {**HALF, "bytes": 0, "bytes_total": 0}, 9.0)


@pytest.mark.parametrize(("quiet", "shown"), [(0.0, True), (60.0, False)])
def test_it_is_shown_after_a_while_and_taken_away(monkeypatch: pytest.MonkeyPatch, quiet: float, shown: bool) -> None:
    monkeypatch.setattr(progress_bar, "QUIET", quiet)
    terminal = Terminal()
    with progress_bar.progress_bar("push", terminal) as show:
        assert show
        show(HALF)
    written = terminal.getvalue()
    assert ("push: sending [" in written, written.endswith("\r\033[K")) == (shown, shown)


def test_an_interruption_takes_it_away_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "QUIET", 0.0)
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt), progress_bar.progress_bar("push", terminal):
        raise KeyboardInterrupt
    assert terminal.getvalue() == "\r\033[K"


def test_where_nobody_sees_it_nothing_is_asked_for() -> None:
    with progress_bar.progress_bar("push", io.StringIO()) as show:
        assert show is None
