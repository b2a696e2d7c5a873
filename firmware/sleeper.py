"""Sleepers: processes that do something when a time is over, whatever becomes of who wanted it. A file says which one there is,
by its pid and when it started, and for what.
"""

import math
import os
from pathlib import Path

from firmware import files, processes, run


def keep_one(path: Path, purpose: str, seconds: float, *argv: str) -> None:
    """See to it that one sleeper runs for that purpose, and none for another: after `seconds` it runs `argv`."""
    known, pid = _read(path)
    if known == purpose and pid:
        return
    end(path)
    new = processes.identity(run.start_detached("foreground { sleep $1 } $@", str(math.ceil(seconds)), *argv))
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write(path, f"{purpose} {new.pid} {new.started}".encode() if new else b"", mode=0o600)


def end(path: Path) -> None:
    """End the sleeper, if there is one that we are not ourselves."""
    _, pid = _read(path)
    if pid and pid != os.getpid():
        processes.end_group(pid)
    path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, int]:
    """Its purpose and pid; "" and 0 if there is none, or none any more."""
    try:
        purpose, pid, started = path.read_text().split()
        known = processes.identity(int(pid))
    except (FileNotFoundError, ValueError):
        return "", 0
    return (purpose, int(pid)) if known is not None and str(known.started) == started else ("", 0)
