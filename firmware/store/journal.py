"""What was done to the saved configuration, when, and by whom: /flash/config/journal, a JSON object a line, bounded."""

import json
import os
import time
from pathlib import Path

from firmware import files

#: bytes; a longer journal loses its older half
LIMIT = 256 * 1024


def note(shelf: Path, what: str, *, generation: int, who: str, message: str = "") -> None:
    """Append one line, for good."""
    path = shelf / "journal"
    line = json.dumps({"time": stamp(), "who": who, "what": what, "generation": generation, "message": message})
    if path.exists() and path.stat().st_size > LIMIT:
        newer = path.read_bytes()[-LIMIT // 2 :].partition(b"\n")[2]
        files.write(path, newer, mode=0o600)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        # A power cut may have left half a line.
        torn = size and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, b"\n" * bool(torn) + line.encode("ascii") + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def stamp() -> str:
    """The time now, in UTC: 2026-01-31T23:59:59Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
