"""Does a daemon answer? It is asked where its definition says: "unix:/path", "tcp:ADDRESS:PORT" or "listening"."""

import socket


def answers(where: str, pid: int, *, timeout: float = 1.0) -> bool:
    """Does somebody accept there? A datagram socket accepts when it is open; a file left by a dead daemon does not.

    "listening" asks whether the process `pid` itself listens on a TCP port, whichever its own configuration names.
    """
    kind, _, rest = where.partition(":")
    if kind == "listening":
        from firmware import processes

        return bool(processes.ports(pid))
    if kind == "unix":
        return any(_connects(socket.AF_UNIX, sort, rest, timeout) for sort in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
    address, _, port = rest.rpartition(":")
    address = address.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return _connects(family, socket.SOCK_STREAM, (address, int(port)), timeout)


def _connects(family: int, sort: int, address: str | tuple[str, int], timeout: float) -> bool:
    with socket.socket(family, sort) as client:
        client.settimeout(timeout)
        try:
            client.connect(address)
        except OSError:
            return False
    return True
