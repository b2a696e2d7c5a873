"""Every lock of a node, and how to hold one: `with hold(service_lock(title)), hold(SWAP): …`.

Each is a file that is locked with flock, so a lock ends with the process that holds it, and none is ever left behind.
Whoever holds several takes them in this order: UPGRADE, NEXT_SLOT, OTHER_SLOT, SLOTS, push, service, ROOM, SWAP, FLASH,
CONFIG, ANCESTORS, ACCOUNTS, PASSWORD, ATTEMPTS, IDENTITY.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from firmware.errors import Busy, Refused
from firmware.printable import escape

TOP = Path("/run/firmware/lock")
#: seconds that a save, and who asks what is saved, wait for others: a peer that asks for one waits longer
PATIENCE = 45.0

#: held by a push on its way in from when it looks for room until it has what it takes: the next one sees what is left
ROOM = TOP / "room"
#: held while a swap of a service's directory may still be undone; a save waits for it
SWAP = TOP / "swap"
#: held by whoever uses the flash
FLASH = TOP / "save"
#: held by whoever uses the identity partition
IDENTITY = TOP / "identity"
#: held by whoever replaces the file that was opened in a browser
FILES = TOP / "files"
#: held by whoever edits config.rc
CONFIG = TOP / "config.rc"
#: held by whoever changes what was synced last
ANCESTORS = TOP / "ancestors"
#: held by whoever changes the accounts of the web UI
ACCOUNTS = TOP / "accounts"
#: held by whoever works out the hash of a password
PASSWORD = TOP / "password"
#: held by whoever notes an attempt to log in
ATTEMPTS = TOP / "attempts"
#: held by whoever gets a bundle or installs one, from the first question about it to the end: the spool is his
UPGRADE = TOP / "upgrade"
#: held by whoever has the other slot be started next, by installing a bundle or going back, from the first question about it to
#: the end: what goes back does not start what is half written
NEXT_SLOT = TOP / "next slot"
#: held by whoever looks into the slot that does not run, or writes it
OTHER_SLOT = TOP / "other slot"
#: held by whoever changes the record of slots, from the question about it to the end of what he notes of it
SLOTS = TOP / "slots"


def push_lock(title: str) -> Path:
    """Held by each push of a service, from here or to here. The service's own lock is not held for as long: a peer that
    does not answer is in nobody's way."""
    return service_lock(f"push of {title}")


def service_lock(title: str) -> Path:
    """Held during start, stop, reload, apply, revert and a push of a service, so that none of them mix.

    Refused for what is not a plain name: it becomes a file of that name.
    """
    if not title or title.startswith(".") or "/" in title or "\0" in title:
        raise Refused(f"{title!r}: it is not the name of a service")
    return TOP / title


@contextmanager
def hold(path: Path, *, wait: bool = True, busy: str = "") -> Iterator[None]:
    """Hold the lock `path`; Busy if somebody else does and we are not to `wait`, in the words `busy` if these say more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            words = busy or f"{path.name}: another command is at work on it"
            raise Busy(words, "try again when it is done") from None
        yield
    finally:
        os.close(handle)


@contextmanager
def hold_soon(path: Path, what: str, *, seconds: float = PATIENCE) -> Iterator[None]:
    """The same for who waits no longer than that: whoever holds it may stand still (Ctrl-Z). Busy names it then, and calls
    what is locked `what`."""
    deadline = time.monotonic() + seconds
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(hold(path, wait=False))
                break
            except Busy:
                if time.monotonic() >= deadline:
                    raise _stands_still(path, what) from None
            time.sleep(0.05)
        yield


def _stands_still(path: Path, what: str) -> Busy:
    if not (pid := _holder(path)):
        return Busy(f"{what}: another command is at work on it", "try again when it is done")
    hint = f"try again when it is done; if it stands still: kill -CONT {pid}, or kill {pid}"
    return Busy(f"{what}: {_program(pid)} (process {pid}) is at work on it", hint)


def _holder(path: Path, listing: Path = Path("/proc/locks")) -> int:
    """The number of the process that holds a lock; 0 where that is not known."""
    status = path.stat()
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in listing.read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5] == place:
            return max(int(words[4]), 0)
    return 0


def _program(pid: int) -> str:
    """What somebody typed to start it, without what may be secret: the program and its verb."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return "another command"
    while words and (words[0].startswith("-") or "python" in words[0] or words[0] == "firmware"):
        del words[0]
    return escape(" ".join((os.path.basename(words[0]), *words[1:2]))) if words else "another command"
