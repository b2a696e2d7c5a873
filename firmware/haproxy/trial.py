"""haproxy started for a moment, in a network of its own: what starts there starts on the node, and the other way round.

The network (see `services.private_network`) has the names of the node's interfaces, and every address can be bound in it.
So nothing of the node's is taken, and whatever a start finds wrong is found: interfaces, sockets, descriptors, accounts.
Names that only the node's own name servers know cannot be resolved there. A server with such a name is left out
(`-dr`); elsewhere such a name is an error, and told in `unresolved`.
"""

import os
import re
import signal
import time
from dataclasses import dataclass
from typing import IO

from firmware.haproxy import addresses, master

_POLL = 0.001
#: in which lines a name is told that has no address
_UNRESOLVED = r"invalid address: '([^']+)' in |could not resolve address '([^']+)'"
#: a program of the file ended: that ends haproxy. It may need the network, so only one that cannot be started is an error
_PROGRAM_ENDED = r"Current program '.*' \(\d+\) exited with code "
#: the flags of a local socket in /proc/net/unix that accepts connections
_ACCEPTS = "00010000"
#: what comes after it is said while it serves, and no more about its configuration
_SERVES = "Loading success."


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: has it started, its words, the names that it could not resolve, and, if it has started, where it
    listens: (address, TCP port), and whether at any socket at all for others than administrators."""

    has_started: bool
    words: str
    unresolved: tuple[str, ...]
    ports: tuple[tuple[str, int], ...] = ()
    listens: bool = True


def observe(pid: int, words: IO[str], socket: str = master.SOCKET) -> Trial:
    """Wait until the haproxy that was started as `pid`, and writes its words to that file, serves or has ended; look around
    then, and end it. Whoever runs us has a time limit."""
    serves = _await_answer(socket, pid)
    ports = tuple((address, port) for address, port, _ in addresses.listening_sockets()) if serves else ()
    listens = bool(ports) or _listens_elsewhere(socket, pid) if serves else True
    if serves:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    words.seek(0)
    said = words.read()
    by_program = re.search(_PROGRAM_ENDED, said) is not None and "Cannot execute" not in said
    names = tuple(dict.fromkeys(one or other for one, other in re.findall(_UNRESOLVED, said)))
    return Trial(serves or by_program, _about_configuration(said) if serves else said, names, ports, listens)


def _await_answer(socket: str, pid: int) -> bool:
    """Wait until a worker answers or the master has ended; returns whether one answered."""
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if master.worker_pid(socket, pid):
            return True
        time.sleep(_POLL)
    return False


def _about_configuration(said: str) -> str:
    """What was said until it served, without its reports on its processes."""
    lines = said.partition(_SERVES)[0].splitlines()
    return "\n".join(line for line in lines if not re.match(r"\[NOTICE\]", line))


def _listens_elsewhere(socket: str, pid: int) -> bool:
    """Does it listen at sockets for datagrams, or at local ones that are neither the master's nor for administrators?"""
    for name in ("udp", "udp6"):
        try:
            with open(f"/proc/self/net/{name}", encoding="ascii") as file:
                if len(file.readlines()) > 1:
                    return True
        except FileNotFoundError:
            continue
    administration = {socket, *master.administration_sockets(socket, pid)}
    with open("/proc/self/net/unix", encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.split(None, 7) for line in file]
    # It binds a socket under another name, and renames it then.
    paths = {re.sub(r"\.\d+\.tmp$", "", row[7].strip()) for row in rows if len(row) == 8 and row[3] == _ACCEPTS}
    return bool(paths - administration)
