"""Who is logged in: a file for each session, in a directory that only root reads. A session whose file is gone has ended.

Its process is the only one that holds the lock on that file, so a file without one belongs to a process that was killed.
"""

import fcntl
import os
import re
import secrets
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from firmware import records
from firmware.errors import Damaged, Failure, NewerFormat

TOP = Path("/run/firmware/wui")
#: of the record
FORMAT = 1
#: how a session is named
ID = re.compile(r"[0-9a-f]{16}")
#: how many there may be at a time
MOST = 16


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in: since when (seconds since the epoch), whose pid serves it, with which token ("" for a
    password)."""

    id: str
    account: str
    role: str
    address: str
    since: float
    pid: int
    token: str = ""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session, and when something was last asked in it."""

    session: Session
    last: float


def new_id() -> str:
    """A name for a session. It is no secret."""
    return secrets.token_hex(8)


def socket_path(id: str, *, top: Path = TOP) -> Path:
    """Where that session is reached. Failure for what is no name of one."""
    if not ID.fullmatch(id):
        raise Failure(f"session {id[:40]!r}: there is no such session")
    return top / "sessions" / f"{id}.sock"


def record_path(id: str, *, top: Path = TOP) -> Path:
    """Where it is noted."""
    return top / "records" / socket_path(id, top=top).with_suffix(".json").name


def note(session: Session, *, top: Path = TOP) -> int:
    """Note a session; returns the descriptor that holds its lock for as long as it is open."""
    path = record_path(session.id, top=top)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.write(handle, records.dump(asdict(session), FORMAT))
    return handle


def touch(handle: int) -> bool:
    """Note that something was asked; whether the session has not been ended."""
    os.utime(handle)
    return is_open(handle)


def is_open(handle: int) -> bool:
    """Has nobody ended the session with that lock?"""
    return os.fstat(handle).st_nlink > 0


def forget(id: str, *, top: Path = TOP) -> None:
    """Take away what there is of it."""
    for path in (record_path(id, top=top), socket_path(id, top=top)):
        path.unlink(missing_ok=True)


def live_sessions(*, top: Path = TOP) -> tuple[LiveSession, ...]:
    """Who is logged in, in the order of their log-in. What killed processes left is taken away."""
    found = [one for path in sorted((top / "records").glob("*.json")) for one in _read(path, top)]
    return tuple(sorted(found, key=lambda one: one.session.since))


def end(id: str, *, top: Path = TOP) -> None:
    """End that session: nothing that is asked in it counts from now on. Failure if there is none."""
    found = next((one.session for one in live_sessions(top=top) if one.session.id == id), None)
    if found is None:
        raise Failure(f"session {id[:40]!r}: there is no such session")
    _end(found, top)


def end_all(account: str = "", *, top: Path = TOP, but: str = "") -> int:
    """End every session of that account, or of all; but not the one that is named. Returns how many there were."""
    gone = [one.session for one in live_sessions(top=top) if account in ("", one.session.account)]
    gone = [one for one in gone if one.id != but]
    for session in gone:
        _end(session, top)
    return len(gone)


def make_room(*, top: Path = TOP) -> None:
    """End the one in which nothing has been asked for longest, as long as there is none too few for one more."""
    found = sorted(live_sessions(top=top), key=lambda one: one.last)
    for one in found[: max(0, len(found) - MOST + 1)]:
        _end(one.session, top)


def _end(session: Session, top: Path) -> None:
    """It is its own process that has the lock: with the lock held, the pid is its."""
    path = record_path(session.id, top=top)
    with suppress(OSError):
        handle = os.pidfd_open(session.pid)
        try:
            is_its = _is_locked(path)
            path.unlink()
            if is_its:
                signal.pidfd_send_signal(handle, signal.SIGTERM)
        finally:
            os.close(handle)
    forget(session.id, top=top)


def _read(path: Path, top: Path) -> Iterator[LiveSession]:
    try:
        status = path.stat()
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            found = Session(**body)
    except (FileNotFoundError, Damaged, NewerFormat):
        return  # it is being written, or has just gone
    if _is_locked(path):
        yield LiveSession(found, status.st_mtime)
    elif ID.fullmatch(path.stem):
        forget(path.stem, top=top)


def _is_locked(path: Path) -> bool:
    with suppress(FileNotFoundError), open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
