"""A bar on a terminal: how far a push is, once it has taken a second. It takes one line, and is gone when it is over."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

TYPE_CHECKING = False  # as in `config_edit`
if TYPE_CHECKING:
    from typing import Any, TextIO

    from firmware.operations.peer import OnProgress

#: seconds without a bar
QUIET = 1.0
WIDTH = 24


def bar_line(verb: str, progress: "dict[str, Any]", seconds: float) -> str:
    """The line for what was sent in so many seconds."""
    done, total = progress["bytes"], progress["bytes_total"]
    part = done / total if total else 1.0
    bar = "#" * round(part * WIDTH)
    left = f", {seconds / part - seconds:.0f} s left" if 0 < part < 1 else ""
    amount = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {progress['files']} of {progress['files_total']} files"
    return f"{verb}: {progress['phase']} [{bar:<{WIDTH}}] {amount}{left}"


@contextmanager
def progress_bar(verb: str, stream: "TextIO | None" = None) -> "Iterator[OnProgress | None]":
    """What is to be told how far it is; None where nobody would see it."""
    terminal: TextIO = getattr(sys.stderr, "stream", sys.stderr) if stream is None else stream
    if not terminal.isatty():
        yield None
        return
    began = time.monotonic()

    def show(progress: "dict[str, Any]") -> None:
        if (seconds := time.monotonic() - began) >= QUIET:
            terminal.write(f"\r\033[K{bar_line(verb, progress, seconds)}")
            terminal.flush()

    try:
        yield show
    finally:
        terminal.write("\r\033[K" if time.monotonic() - began >= QUIET else "")
        terminal.flush()
