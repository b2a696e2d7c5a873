"""The layer 7 load balancer (the LB Layer7 tab): haproxy's master and its workers.

A reload is asked for by signal; whether it worked, only the master knows. It is asked at its socket: a new worker that
answers through it has taken over; `failed` counts the reloads since the last good one, and the old worker serves on.
"""

from firmware.rc.document import Block
from firmware.rc.values import below
from firmware.services import haproxyconf
from firmware.services.definition import Account, Argv, Directive, Outcome, Running, Service

FILE = "/etc/haproxy/haproxy.cfg"
MASTER = "/run/haproxy/master.sock"

#: seconds that a new worker has to take over: much for maps and certificates by the thousand
RELOAD_SECONDS = 60.0
#: seconds that a master has to answer before it is asked to reload. One that starts does; one that lost its socket never
#: will, but reloads, and answers then: a program section that cannot be started takes the socket out of its epoll set
#: (haproxy 2.6: the child fails between fork and exec, and cleans up what it shares with its parent).
SILENT_SECONDS = 5.0

_SHOWN = r"(?m)^\d+\s+master\s+(\d+)\s+\[failed: (\d+)\]"
_POLL = 0.005
#: bytes of an answer that are read, and seconds that it may take: whoever is haproxy may answer anything, for ever
_LONGEST, _PATIENCE = 1 << 18, 2.0


def daemon(block: Block) -> Argv:
    """Master and workers in the foreground, whatever the file says about that."""
    return ["haproxy", "-W", "-db", "-f", _file(block), "-S", f"{MASTER},mode,600"]


def check(block: Block) -> Argv:
    """`haproxy -c`, and what it does not see."""
    return ["/usr/bin/python3", "-IS", haproxyconf.__file__, _file(block)]


def reload(running: Running, *, path: str = MASTER, seconds: float = RELOAD_SECONDS) -> Outcome:
    """Signal the master, and wait until a new worker serves or the master says that the reload failed."""
    import time

    from firmware.services import applied

    deadline = time.monotonic() + seconds
    before, worker = _reloads(path), _worker(path)
    patient = min(deadline, time.monotonic() + SILENT_SECONDS)
    while before is None and time.monotonic() < patient and not _has_ended(running):
        time.sleep(_POLL)
        before, worker = _reloads(path), _worker(path)
    file = _file(running.block)
    if taken := haproxyconf.taken(file, str(applied.files_of(running.block.title)) + file.removeprefix("/etc/haproxy")):
        return Outcome(1, "\n".join(taken))
    if not _has_ended(running):
        running.signal("USR2")
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        now = _reloads(path)
        if _has_ended(running):
            return Outcome(1, _alerts(running) or "haproxy: its master ended")
        if now is not None and now != before and now[1]:
            return Outcome(1, _alerts(running) or "haproxy: the reload failed")
        if (serving := _worker(path)) and serving != worker:
            return Outcome(0, f"a new worker serves (pid {serving})")
    return Outcome(1, f"haproxy: no new worker serves after {seconds:g} s")


def _has_ended(running: Running) -> bool:
    """Its finish script says so in the log. s6 starts it again, but that may come to nothing for as long as one waits."""
    return "-- ended: " in running.words()


def _file(block: Block) -> str:
    return block.value("config") or FILE


def _reloads(path: str) -> tuple[int, int] | None:
    """How often the master reloaded, and how often it failed since the last good one; None if it does not answer."""
    import re

    match = re.search(_SHOWN, _ask(path, "show proc"))
    return (int(match[1]), int(match[2])) if match else None


def _worker(path: str) -> int:
    """The pid of the current worker as it says itself; 0 if none answers."""
    import re

    match = re.search(r"(?m)^Pid: (\d+)$", _ask(path, "@1 show info"))
    return int(match[1]) if match else 0


def _ask(path: str, command: str) -> str:
    """The master's answer; "" while it does not give one, as in the middle of a reload."""
    import socket
    import time

    deadline, answer = time.monotonic() + _PATIENCE, b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(path)
            client.sendall(f"{command}\n".encode())
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
                if len(answer) > _LONGEST or time.monotonic() > deadline:
                    return ""
        except OSError:
            return ""
    return answer.decode("utf-8", "replace")


def _alerts(running: Running) -> str:
    """Why it failed, in its own words. They take another way than the answers, through the log, and may come after them."""
    import time

    deadline = time.monotonic() + _PATIENCE
    while not (found := [line for line in running.words().splitlines() if "[ALERT]" in line]):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL)
    return "\n".join(found)


SERVICE = Service(
    name="haproxy",
    summary="layer 7 load balancer",
    owns="/etc/haproxy",
    account=Account("haproxy", ("net_bind_service",)),
    check=check,
    daemon=daemon,
    procname="haproxy",
    needs=("/run/haproxy",),
    ready=lambda _, pid: "" if _worker(MASTER) else f"no worker answers at {MASTER}",
    reload=reload,
    directives=(Directive("config", below("/etc/haproxy"), "its configuration file"),),
)
