"""The audit trail: what was pushed, confirmed, saved or refused, here and from the peer. Append-only and bounded.

What changed nothing is kept apart: a peer that is refused as often as it likes pushes out neither what was done, nor what
was refused to people here.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import merge
from itertools import accumulate
from pathlib import Path
from typing import Any

from firmware import log, records
from firmware.errors import Damaged, Failure, NewerFormat, from_system, full_text, outcome, system_hint
from firmware.printable import shorten

DIRECTORY = Path("/var/log/csyncd")
#: the parts of the trail: what was done, what changed nothing, and what a peer asked for that changed nothing
DONE, UNCHANGED, UNCHANGED_BY_PEER = "audit", "refused", "refused-to-peers"
#: how that ends which changes nothing
UNCHANGING_RESULTS = ("refused", "failed", "unchanged", "rolled-back")
#: bytes after which a part moves from NAME.log to NAME.log.1, whose older content goes
MAX_PART_BYTES = 1 << 19
#: of a line
FORMAT = 1
#: seconds since the epoch, beyond which no moment lies
LAST_TIME = 1 << 40
#: characters of a text, such as a checker's words, and of a list of paths that are kept
MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Who:
    """Who did it: the account here or the peer's name, from where (an address or a terminal), and with which key (its
    fingerprint); "" for what is not known."""

    account: str
    origin: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Trail:
    """What was done, oldest first, as the lines have it; and what of it could not be read, in words."""

    entries: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...] = ()


#: what happens by itself
THIS_NODE = Who("this node")


def note(
    event: str, *, who: Who, result: str, by_peer: bool = False, directory: Path = DIRECTORY, **details: Any
) -> None:
    """Add a line: what happened, who did it, how it ended, and what else is worth knowing. `by_peer`: a peer asked for it."""
    when = {"time": round(time.time(), 6), "event": event, "who": who.account, "from": who.origin, "key": who.key}
    entry = {**when, "result": result, **{key: _shorten(value) for key, value in details.items()}}
    line = records.dump(entry, FORMAT)
    part = DONE if result not in UNCHANGING_RESULTS else UNCHANGED_BY_PEER if by_peer else UNCHANGED
    path = directory / f"{part}.log"
    try:
        _append(line + b"\n", path)
    except OSError as error:
        # It tells of what is done, and does not decide about it.
        log.line(f"audit: {path}: {error.strerror}: not noted: {line.decode()}")


@contextmanager
def note_errors(event: str, *, who: Who, by_peer: bool = False, **details: Any) -> Iterator[None]:
    """Note what ends the block before its time, whatever that is; it goes on as a Failure, in words, too. A block that comes to
    its end notes that itself."""
    try:
        yield
    except KeyboardInterrupt:
        note(event, who=who, result="interrupted", by_peer=by_peer, **details)
        raise
    except Exception as raised:
        error = in_words(event, raised)
        note(event, who=who, result=outcome(error), by_peer=by_peer, message=shorten(full_text(error)), **details)
        if error is raised:
            raise
        raise error from None


def in_words(event: str, error: Exception) -> Failure:
    """Any error as one that a person reads; the trace of one that nobody foresaw goes to the log."""
    if isinstance(error, Failure):
        return error
    return from_system(error) if isinstance(error, OSError) else log.internal_error(event, error)


def _append(line: bytes, path: Path) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    # One writer at a time: else the second one would move what the first one has begun anew over what that has moved.
    lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _append_alone(line, path)
    finally:
        os.close(lock)


def _append_alone(line: bytes, path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(handle).st_size
        # A line that found no room for all of it takes no other one with it.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, b"\n" * torn + line)
        full = os.fstat(handle).st_size > MAX_PART_BYTES
    finally:
        os.close(handle)
    if full:
        path.replace(f"{path}.1")


def read(directory: Path = DIRECTORY) -> Trail:
    """The whole trail. It only tells of what was done: what cannot be read is left out, and said in `problems`.
    Failure for who may not read it."""
    problems: list[str] = []
    # Each part in its own order, whatever was done to the clock.
    parts = ([*_read_part(directory / name, problems)] for name in (DONE, UNCHANGED, UNCHANGED_BY_PEER))
    return Trail(tuple(merge(*parts, key=lambda entry: float(entry["time"]))), tuple(problems))


def _read_part(path: Path, problems: list[str]) -> Iterator[Mapping[str, Any]]:
    for file in (Path(f"{path}.log.1"), Path(f"{path}.log")):
        damaged = newer = 0
        for line in _read_lines(file, problems):
            try:
                yield _parse(line)
            except NewerFormat:
                newer += 1
            except Damaged:
                damaged += 1
        problems += [f"{file}: damaged lines left out: {damaged}"] * bool(damaged)
        problems += [f"{file}: lines written by a newer firmware left out: {newer}"] * bool(newer)


def _read_lines(file: Path, problems: list[str]) -> list[bytes]:
    try:
        return [line for line in file.read_bytes().split(b"\n") if line]
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise Failure(f"{file}: {error.strerror}", system_hint(error)) from None
    except OSError as error:
        problems.append(f"{file}: {error.strerror}")
        return []


def _parse(line: bytes) -> Mapping[str, Any]:
    entry = records.load(line, FORMAT, "the line", unmarked=1)
    with records.interpreting("the line"):
        for key in ("event", "who", "from", "key", "result"):
            records.typed_value(entry, key, str)
        if not 0 <= records.typed_value(entry, "time", int, float) < LAST_TIME:
            raise ValueError("its time is none")
    return entry


def _shorten(value: Any) -> Any:
    if isinstance(value, str):
        return shorten(value, MAX_TEXT)
    if isinstance(value, list):
        fitting = sum(size <= MAX_TEXT for size in accumulate(len(str(item)) for item in value))
        return value[:fitting] + [f"… {len(value)} in all"] * (fitting < len(value))
    return value
