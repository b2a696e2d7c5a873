"""Where daemons and flows say what they do, and where the trace of an error goes that nobody foresaw."""

import os
import sys
from pathlib import Path

from firmware.errors import Failure
from firmware.printable import escape

#: where the system's log listens · what has traces while it does not · the bytes after which that begins anew
SYSLOG, FALLBACK, MAX_BYTES = "/dev/log", Path("/run/firmware/errors.log"), 1 << 18


def line(text: str) -> None:
    """Write a line to stderr, which s6 and the console keep, at once; control characters in it are shown, not obeyed."""
    print(escape(text, keep="\n\t"), file=sys.stderr, flush=True)


def internal_error(program: str, error: BaseException, *, daemon: bool = False) -> Failure:
    """Note the trace of an error inside the program, under a number; returns the Failure that names it, in one line.

    It goes to the system's log, to the file FALLBACK while that does not listen; where neither can be written to, the
    Failure says all that there is to say. What a `daemon` says on stderr is a log, too, so there it goes as well.
    """
    import traceback

    number = os.urandom(3).hex().upper()
    text = "".join(traceback.format_exception(error))
    lines = [f"error {number}: {part}" for part in text.splitlines()]
    if daemon:
        line("\n".join(lines))
    message = f"an error inside the program (number {number})"
    if _write_to_syslog(program, lines):
        return Failure(f"{message}: see the log", f"logread | grep {number}")
    try:
        _write_to_file(FALLBACK, [f"{program}: {part}" for part in lines])
    except OSError:
        return Failure(f"{message}: {type(error).__name__}: {' '.join(str(error).split())}")
    return Failure(f"{message}: see the log", f"grep {number} {FALLBACK}")


def _write_to_syslog(program: str, lines: list[str]) -> bool:
    """Whether the system's log took them: the library does not tell."""
    import socket
    import syslog

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.connect(SYSLOG)
    except OSError:
        return False
    syslog.openlog(program, syslog.LOG_PID, syslog.LOG_DAEMON)
    for part in lines:
        syslog.syslog(syslog.LOG_ERR, part)
    return True


def _write_to_file(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_BYTES:
        path.replace(f"{path}.1")
    with open(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "a", encoding="utf-8"
    ) as file:
        file.write("".join(f"{part}\n" for part in lines))
