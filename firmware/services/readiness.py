"""Does a daemon answer? For the definitions, which say where to ask: "" once it does, until then what is missing."""


def socket_problem(path: str, *, timeout: float = 1.0) -> str:
    """Somebody accepts at the socket `path`, of either sort; a file left by a dead daemon does not."""
    import socket

    for sort in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, sort) as client:
            client.settimeout(timeout)
            try:
                client.connect(path)
                return ""
            except OSError:
                continue
    return f"no answer at {path}"


def port_problem(pid: int) -> str:
    """The process itself listens on a TCP port, whichever its own configuration names."""
    from firmware import processes

    return "" if processes.listening_ports(pid) else "it listens nowhere"
