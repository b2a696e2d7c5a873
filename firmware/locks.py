"""Every lock of a node, and how to hold one: `with hold(service_lock(title)), hold(SWAP): …`.

Each is a file that is locked with flock, so a lock ends with the process that holds it, and none is ever left behind.
Whoever holds several takes them in this order: UPGRADE, NEXT_SLOT, OTHER_SLOT, SLOTS, push, service, ROOM, SWAP, FLASH,
CONFIG, ANCESTORS, ACCOUNTS, PASSWORD, ATTEMPTS, IDENTITY.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.errors import Busy, Refused

TOP = Path("/run/firmware/lock")

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
