"""A lab's state directory, which is all that is known of it from outside.

lab.lock (held by the hub as long as it lives; its pid is in it), control (the hub's socket), hub.log, layers (a mount
point), and for each node N/pid (its init, while it stands), N/console.log, N/flash and N/root (a mount point).
"""

import fcntl
import os


class Trouble(Exception):
    """What cannot be done, in words for a person."""


def hub(state: str) -> int:
    """The pid of the process that holds this lab up, or 0 if it is not up."""
    return holder(f"{state}/lab.lock")


def holder(path: str) -> int:
    """The pid that stands in a lock which is held, or 0 if nobody holds it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(handle, 20) or b"0")
    else:
        return 0
    finally:
        os.close(handle)


def hold(state: str) -> int:
    """Hold this lab's lock; it is free again when no process has the descriptor any more."""
    handle = os.open(f"{state}/lab.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def require_hub(state: str) -> None:
    """Trouble, if this lab is not up."""
    if not hub(state):
        raise Trouble(f"no lab is up in {state}\nhint: nodes up")


def init(state: str, number: int) -> int:
    """The pid of a node's init. Trouble if it has none: it is off, or there is no such node."""
    try:
        with open(f"{state}/{number}/pid", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        raise Trouble(f"node {number} is not there, or has no power") from None


def open_init(state: str, number: int) -> int:
    """A pidfd of the init of a node that is up; surely that process, however old the pid file is."""
    require_hub(state)
    pid = init(state, number)
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise Trouble(f"node {number} has no power") from None
    if init(state, number) != pid:
        raise Trouble(f"node {number} is just being rebooted")
    return handle
