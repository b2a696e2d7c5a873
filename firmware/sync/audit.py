"""The audit trail: what was pushed, confirmed, saved or refused, here and from the peer. Append-only and bounded."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.errors import Failure, complain

FILE = Path("/var/log/csyncd/audit.log")
#: bytes after which the trail moves to FILE.1, whose older content goes
MOST_BYTES = 1 << 20
#: characters of a checker's or a daemon's words that are kept
MOST_WORDS = 4000


@dataclass(frozen=True, slots=True)
class Who:
    """Who did it: the account here or the peer's name, from where (an address or a terminal), and with which key (its
    fingerprint); "" for what is not known."""

    account: str
    origin: str = ""
    key: str = ""


#: what happens by itself
NODE = Who("this node")


def note(event: str, *, who: Who, result: str, path: Path = FILE, **details: Any) -> None:
    """Add a line: what happened, who did it, how it ended, and what else is worth knowing."""
    when = {"time": round(time.time(), 3), "event": event, "who": who.account, "from": who.origin, "key": who.key}
    line = json.dumps({**when, "result": result, **{key: _bounded(value) for key, value in details.items()}}) + "\n"
    try:
        _append(line.encode(), path)
    except OSError as error:
        # It tells of what is done, and does not decide about it.
        complain("audit", Failure(f"{path}: {error.strerror}: not noted: {line.strip()}"))


def _append(line: bytes, path: Path) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(handle, line)
        full = os.fstat(handle).st_size > MOST_BYTES
    finally:
        os.close(handle)
    if full:
        path.replace(path.with_suffix(".log.1"))


def entries(path: Path = FILE) -> list[Mapping[str, Any]]:
    """The whole trail, oldest first."""
    found = []
    for part in (path.with_suffix(".log.1"), path):
        if part.exists():
            found += [
                json.loads(line)
                for line in part.read_text("utf-8").splitlines()
                if line.startswith("{") and line.endswith("}")
            ]
    return found


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MOST_WORDS:
        return f"{value[:MOST_WORDS]}… ({len(value)} characters)"
    return value
