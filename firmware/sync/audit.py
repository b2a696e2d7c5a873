"""The audit trail: what was pushed, confirmed, saved or refused, here and from the peer. Append-only and bounded."""

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from firmware.errors import brief

FILE = Path("/var/log/csyncd/audit.log")
#: bytes after which the trail moves to FILE.1, whose older content goes
MOST_BYTES = 1 << 20
#: characters of a text, such as a checker's words, and of a list of paths that are kept
MOST_WORDS = 4000
#: what changes nothing, and a peer can do all the time
TRIFLES = ("refused", "failed", "unchanged", "rolled-back")
#: bytes of such entries that the trail takes from one peer in a day; of what comes then, only how many there were
MOST_TRIFLES = 65536
DAY = 86400


@dataclass(slots=True)
class _Trifles:
    """Of one peer: the day, the bytes that are left in it, and how many entries were left out."""

    day: int = 0
    room: int = MOST_TRIFLES
    more: int = 0


_trifles: dict[str, _Trifles] = {}
_noting = threading.Lock()


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
    line = _line(event, who, result, details)
    with _noting:
        if result in TRIFLES and who.account.startswith("node-"):
            line = _spared(who, line, int(time.time() / DAY))
        if line:
            _add(line, path)


def _line(event: str, who: Who, result: str, details: Mapping[str, Any]) -> str:
    when = {"time": round(time.time(), 3), "event": event, "who": who.account, "from": who.origin, "key": who.key}
    return json.dumps({**when, "result": result, **{key: _bounded(value) for key, value in details.items()}}) + "\n"


def _spared(who: Who, line: str, day: int) -> str:
    """What is written of it: all, nothing, or (each time that there are twice as many) how many more there were."""
    now, before = _trifles.get(who.account, _Trifles()), ""
    if now.day != day:
        before = _rest(who, now.more)
        now = _trifles[who.account] = _Trifles(day)
    if len(line) <= now.room:
        now.room -= len(line)
        return before + line
    now.more += 1
    return before + (_rest(who, now.more) if now.more & (now.more - 1) == 0 else "")


def _rest(who: Who, more: int) -> str:
    said = f"{more} more since, within a day, that changed nothing"
    return _line("more of the same", who, "not noted", {"message": said}) if more else ""


def _add(line: str, path: Path) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(handle, line.encode())
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
        return brief(value, MOST_WORDS)
    if isinstance(value, list):
        fitting = sum(size <= MOST_WORDS for size in accumulate(len(str(item)) for item in value))
        return value[:fitting] + [f"… {len(value)} in all"] * (fitting < len(value))
    return value
