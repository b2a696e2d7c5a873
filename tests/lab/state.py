"""A lab's state directory, which is all that is known of it from outside.

lab.lock (held by the hub as long as it lives; its pid is in it), kind (of what kind its nodes are), control (the hub's
socket), hub.log, layers (a mount point), and for each node N/pid (its init, while it stands), N/changes (what was written over
the layers of its root since it was powered on: a link, for root), N/console.log, N/flash and N/root (mount points).
"""

import fcntl
import os
import signal

#: containers of Linux namespaces, and virtual machines
KINDS = ("lab", "qemu")


#: the highest number that a node may have: its address ends in 10 more
MOST = 200


class Trouble(Exception):
    """What cannot be done, in words for a person."""


class Misuse(Exception):
    """Words on the command line that make no sense."""


def node_number(word: str) -> int:
    """The number of a node on the command line."""
    return number(word, MOST)


def number(word: str, most: int, least: int = 1) -> int:
    """A number on the command line, in plain digits."""
    if not (word.isascii() and word.isdigit() and least <= int(word) <= most):
        raise Misuse(f"{word!r} is not a number from {least} to {most}")
    return int(word)


def hub_pid(state: str) -> int:
    """The pid of the process that holds this lab up, or 0 if it is not up."""
    return lock_holder(f"{state}/lab.lock")


def lock_holder(path: str) -> int:
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


def hold_lock(state: str) -> int:
    """Hold this lab's lock; it is free again when no process has the descriptor any more."""
    handle = os.open(f"{state}/lab.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def require_hub(state: str) -> int:
    """The pid of the process that holds this lab up. Trouble if it is not up."""
    pid = hub_pid(state)
    if not pid:
        raise Trouble(f"no lab is up in {state}\nhint: nodes up")
    return pid


def known_kind(state: str) -> str:
    """Of what kind the nodes are that were made there last, one of KINDS; "" if there are none."""
    try:
        with open(f"{state}/kind", encoding="ascii") as file:
            return file.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def init_pid(state: str, number: int) -> int:
    """The pid of a node's init. Trouble if it has none: it is off, or there is no such node."""
    try:
        with open(f"{state}/{number}/pid", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        raise Trouble(f"node {number} is not there, or has no power") from None


def open_init(state: str, number: int) -> int:
    """A pidfd of the init of a lab node that is up. Trouble if what has that pid is anything but that: whatever the pid file
    says, it is a child of this lab's hub, in namespaces of its own.
    """
    hub, pid = require_hub(state), init_pid(state, number)
    try:
        handle = os.pidfd_open(pid)
        parent, apart = _parent_pid(pid), _namespaces(pid).isdisjoint(_namespaces("self"))
        # Only now is it sure that it was this process which was looked at: nobody gets its pid while it is there.
        signal.pidfd_send_signal(handle, 0)
    except (FileNotFoundError, ProcessLookupError):
        raise Trouble(f"node {number} has no power") from None
    if parent != hub or not apart:
        os.close(handle)
        raise Trouble(f"{state}/{number}/pid: process {pid} is no node; nothing is run there")
    return handle


def _parent_pid(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def _namespaces(pid: "int | str") -> set[str]:
    """All that make up a node, by their names in /proc."""
    return {os.readlink(f"/proc/{pid}/ns/{name}") for name in ("mnt", "pid", "net", "ipc", "uts")}
