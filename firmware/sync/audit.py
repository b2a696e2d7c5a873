"""The audit trail: what was pushed, confirmed, saved or refused, here and from the peer. Append-only and bounded.

What changed nothing is kept apart: a peer that is refused as often as it likes cannot push out what was done.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import accumulate
from pathlib import Path
from typing import Any

from firmware import log
from firmware.printable import shorten

DIRECTORY = Path("/var/log/csyncd")
#: the parts of the trail: what was done, and what changed nothing
DONE, UNCHANGED = "audit", "refused"
#: how that ends which changes nothing
UNCHANGING_RESULTS = ("refused", "failed", "unchanged", "rolled-back")
#: bytes after which a part moves from NAME.log to NAME.log.1, whose older content goes
MAX_PART_BYTES = 1 << 19
#: characters of a text, such as a checker's words, and of a list of paths that are kept
MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Who:
    """Who did it: the account here or the peer's name, from where (an address or a terminal), and with which key (its
    fingerprint); "" for what is not known."""

    account: str
    origin: str = ""
    key: str = ""


#: what happens by itself
THIS_NODE = Who("this node")


def note(event: str, *, who: Who, result: str, place: Path = DIRECTORY, **details: Any) -> None:
    """Add a line: what happened, who did it, how it ended, and what else is worth knowing."""
    when = {"time": round(time.time(), 6), "event": event, "who": who.account, "from": who.origin, "key": who.key}
    line = json.dumps({**when, "result": result, **{key: _shorten(value) for key, value in details.items()}}) + "\n"
    path = place / f"{UNCHANGED if result in UNCHANGING_RESULTS else DONE}.log"
    try:
        _append(line.encode(), path)
    except OSError as error:
        # It tells of what is done, and does not decide about it.
        log.line(f"audit: {path}: {error.strerror}: not noted: {line.strip()}")


def _append(line: bytes, path: Path) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(handle, line)
        full = os.fstat(handle).st_size > MAX_PART_BYTES
    finally:
        os.close(handle)
    if full:
        path.replace(f"{path}.1")


def entries(place: Path = DIRECTORY) -> list[Mapping[str, Any]]:
    """The whole trail, oldest first."""
    # Each part in its own order, whatever was done to the clock.
    return list(merge(*(_part(place / name) for name in (DONE, UNCHANGED)), key=lambda entry: float(entry["time"])))


def _part(path: Path) -> Iterator[Mapping[str, Any]]:
    for file in (Path(f"{path}.log.1"), Path(f"{path}.log")):
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)


def _shorten(value: Any) -> Any:
    if isinstance(value, str):
        return shorten(value, MAX_TEXT)
    if isinstance(value, list):
        fitting = sum(size <= MAX_TEXT for size in accumulate(len(str(item)) for item in value))
        return value[:fitting] + [f"… {len(value)} in all"] * (fitting < len(value))
    return value
