"""haproxy's master process, asked at its socket: how often it reloaded, and which worker serves.

A worker may put a socket of its own in that place. The kernel says who listens at a socket, and only the master is believed.
"""

SOCKET = "/run/haproxy/master.sock"

_SHOWN = r"(?m)^\d+\s+master\s+(\d+)\s+\[failed: (\d+)\]"
#: where it shows the processes of its present configuration
_CURRENT = ("# workers", "# programs")
#: bytes of an answer that are read, and seconds that it may take: whoever is haproxy may answer anything, for ever
_LONGEST, _PATIENCE = 1 << 18, 2.0


def reload_counts(path: str, master: int) -> tuple[int, int] | None:
    """How often the master (its pid) reloaded, and how often it failed since the last good one; None if it does not answer."""
    import re

    match = re.search(_SHOWN, _query_master(path, master, "show proc"))
    return (int(match[1]), int(match[2])) if match else None


def worker_pid(path: str, master: int) -> int:
    """The pid of the current worker as it says itself; 0 if none answers."""
    import re

    match = re.search(r"(?m)^Pid: (\d+)$", _query_master(path, master, "@1 show info"))
    return int(match[1]) if match else 0


def processes(path: str, master: int) -> tuple[set[int], set[int]] | None:
    """The pids that the master knows, by its own words: those that serve now, and itself with those that are on their way
    out. None if it does not answer."""
    import re

    current: set[int] = set()
    others: set[int] = set()
    section = ""
    for line in _query_master(path, master, "show proc").splitlines():
        if line.startswith("# "):
            section = line
        elif match := re.match(r"(\d+)\s+\S", line):
            (current if section in _CURRENT else others).add(int(match[1]))
    return (current, others) if master in others else None


def old_workers(path: str, master: int) -> list[int]:
    """The pids of workers that were replaced by a reload and still serve their last connections."""
    import re

    shown = _query_master(path, master, "show proc").partition("# old workers")[2].partition("\n#")[0]
    return [int(pid) for pid in re.findall(r"(?m)^(\d+)\s+worker\s", shown)]


def administration_sockets(path: str, master: int) -> set[str]:
    """The sockets at which the current worker takes orders (`stats socket`), as paths and addresses."""
    import re

    return set(re.findall(r"(?m)^(?:unix@)?(\S+) ", _query_master(path, master, "@1 show cli sockets")))


def _query_master(path: str, master: int, command: str) -> str:
    """The master's answer; "" while it does not give one, as in the middle of a reload, or if another process listens there."""
    return ask(path, master, command) or ""


def ask(path: str, master: int, command: str, *, longest: int = _LONGEST) -> str | None:
    """The answer of the master with that pid, or of a worker through it (`@1 COMMAND`), of so many bytes at most; None if
    there is none, or a longer one. `command` is one line that is ours."""
    import socket
    import struct
    import time

    deadline, answer = time.monotonic() + _PATIENCE, bytearray()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(path)
            if struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0] != master:
                return None
            client.sendall(f"{command}\n".encode())
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
                if len(answer) > longest or time.monotonic() > deadline:
                    return None
        except OSError:
            return None
    return answer.decode("utf-8", "replace")
