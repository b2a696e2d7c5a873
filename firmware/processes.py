"""Processes, as psutil sees them: which one a pid means, so that a recycled pid is never taken for what was started.

Importing psutil takes longer than starting Python, so only what needs it imports this module.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, for good: its pid, when it started (seconds since the machine did), and the program that it runs.

    Two processes with the same pid differ in when they started, and the clock being set does not change that. The
    program is its executable and not its arguments, which some rewrite (sshd shows there how busy it is).
    """

    pid: int
    started: float
    program: str


def identity(pid: int) -> Identity | None:
    """Who has this pid now; None if nobody has, or only a zombie that waits for its parent."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            booted = psutil.boot_time()
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return Identity(pid, round(process.create_time() - booted, 2), process.exe().removesuffix(" (deleted)"))
    except (psutil.Error, ValueError, OverflowError):
        return None


def is_alive(known: Identity | None) -> bool:
    """Is that very process still alive, running that very program?"""
    return known is not None and identity(known.pid) == known


def send_signal(known: Identity, number: int) -> bool:
    """Send a signal to exactly that process, if it is still there. Returns whether it was."""
    if not is_alive(known):
        return False
    with suppress(psutil.Error):
        psutil.Process(known.pid).send_signal(number)
        return True
    return False


def terminate_all(*, account: str = "", command: str = "", seconds: float = 3.0) -> int:
    """End every process of an account and every process that was started as `command`: TERM, then KILL after `seconds`.

    Returns how many there were. Our own process is never among them.
    """
    wanted = [process for process in psutil.process_iter() if _is_wanted(process, account, command)]
    for process in wanted:
        _signal_if_there(process, psutil.Process.terminate)
    _, left = psutil.wait_procs(wanted, timeout=seconds)
    for process in left:
        _signal_if_there(process, psutil.Process.kill)
    psutil.wait_procs(left, timeout=seconds)
    return len(wanted)


def kill_children(*names: str) -> None:
    """KILL every process below our own that runs one of these programs."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.name() in names:
                process.kill()


def listening_ports(pid: int) -> set[int]:
    """The TCP ports that this process itself listens on."""
    try:
        return {connection.laddr.port for connection in _connections(pid) if connection.status == psutil.CONN_LISTEN}
    except psutil.Error:
        return set()


def listening_sockets(pid: int, *, family: bool) -> set[tuple[str, int]]:
    """Address and port of each TCP socket at which this process listens; with `family`, those of all below it, too."""
    found: set[tuple[str, int]] = set()
    with suppress(psutil.Error):
        below = psutil.Process(pid).children(recursive=True) if family else []
        for each in (pid, *(child.pid for child in below)):
            with suppress(psutil.Error):
                sockets = [one.laddr for one in _connections(each) if one.status == psutil.CONN_LISTEN]
                found |= {(str(one.ip), int(one.port)) for one in sockets}
    return found


def listeners(port: int) -> list[int]:
    """The pids of who listens on that TCP port of this node, as far as that can be seen."""
    try:
        found: list[Any] = psutil.net_connections("tcp")
    except psutil.Error:
        return []
    listening = (one for one in found if one.status == psutil.CONN_LISTEN and one.laddr.port == port)
    return sorted({one.pid for one in listening if one.pid})


def name(pid: int) -> str:
    """What the process is called; "" if there is none."""
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return ""


def was_started_as(pid: int, command: str) -> bool:
    """Did the arguments of this process begin so?"""
    try:
        return _is_wanted(psutil.Process(pid), "", command)
    except psutil.Error:
        return False


def login_began(pid: int | None = None) -> float:
    """When the ssh connection began in which a process (this one, where none is named) was started: seconds since the machine
    did; 0 if it was none. Above it are processes of sshd then, of which the one that listens began before."""
    try:
        above = [one.pid for one in psutil.Process(pid).parents() if one.name().startswith("sshd")]
        found = [known.started for one in above if not listening_ports(one) and (known := identity(one))]
    except psutil.Error:
        return 0.0
    return min(found, default=0.0)


def remote_address(pid: int) -> str:
    """The address at the other end of the one TCP connection that this process holds; "" if there is not just one."""
    try:
        addresses = {connection.raddr.ip for connection in _established_connections(pid)}
    except psutil.Error:
        return ""
    return str(addresses.pop()) if len(addresses) == 1 else ""


def children(parent: int, account: str) -> list[Identity]:
    """The processes below `parent` that run as that account, the oldest first."""
    found: list[Identity] = []
    with suppress(psutil.Error):
        for process in psutil.Process(parent).children(recursive=True):
            with suppress(psutil.Error):
                if process.username() == account and (child := identity(process.pid)):
                    found.append(child)
    return sorted(found, key=lambda child: (child.started, child.pid))


def end_group(pid: int) -> None:
    """KILL a process that leads a group, and all who are in it. One that we started leaves no zombie behind."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def end_marked(session: int, mark: str) -> None:
    """HUP, and KILL after a moment, every process of that session (by the pid of its leader) but the leader itself, and every
    one that has `mark` (NAME=VALUE) in its environment: what was started there and has left it."""
    for number, seconds in ((signal.SIGHUP, 0.5), (signal.SIGKILL, 1.0), (signal.SIGKILL, 1.0), (signal.SIGKILL, 1.0)):
        found = [process for process in psutil.process_iter() if _is_marked(process.pid, session, mark)]
        if not found:
            return
        for process in found:
            _signal_if_there(process, lambda process: process.send_signal(number))  # noqa: B023
            _signal_if_there(process, psutil.Process.resume)
        psutil.wait_procs(found, timeout=seconds)


def terminate_each(processes: list[Identity]) -> None:
    """TERM each of these processes that is still there."""
    for process in processes:
        send_signal(process, signal.SIGTERM)


def is_running(pid: int, name: str) -> bool:
    """Does this pid run what `name` says: a program, with or without its directory, and perhaps its first arguments?"""
    words = name.split()
    try:
        process = psutil.Process(pid)
        program, command = process.exe().removesuffix(" (deleted)"), process.cmdline()
    except (psutil.Error, ValueError, OverflowError):
        return False
    known = {path if full else os.path.basename(path) for path in (program, *command[:1]) for full in (True, False)}
    return bool(words) and words[0] in known and command[1 : len(words)] == words[1:]


def _is_marked(pid: int, session: int, mark: str) -> bool:
    """Our own process, the leader of the session and zombies are not."""
    try:
        if pid in (os.getpid(), session) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return False
        if os.getsid(pid) == session:
            return True
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark.encode() in file.read().split(b"\0")
    except (psutil.Error, OSError):
        return False


def _connections(pid: int) -> Any:
    process = psutil.Process(pid)
    # psutil 6 gave it another name.
    return (getattr(process, "net_connections", None) or process.connections)(kind="tcp")


def _established_connections(pid: int) -> list[Any]:
    connections = _connections(pid)
    return [one for one in connections if one.status == psutil.CONN_ESTABLISHED and one.raddr]


def _is_wanted(process: psutil.Process, account: str, command: str) -> bool:
    """sshd writes its own name before its arguments, and what it does after them."""
    try:
        words = " ".join(process.cmdline()).removeprefix("sshd: ")
        started = bool(command) and f"{words} ".startswith(f"{command} ")
        return process.pid != os.getpid() and (started or (bool(account) and process.username() == account))
    except psutil.Error:
        return False


def _signal_if_there(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    with suppress(psutil.Error):  # psutil has looked whether it is still the same process; it may be gone
        send(process)
