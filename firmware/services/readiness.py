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


def pid_file_problem(path: str) -> str:
    """The process lives whose number the file holds; a file left by a dead one does not count."""
    from pathlib import Path

    try:
        number = Path(path).read_text().strip()
    except OSError:
        return f"no {path}"
    return "" if number.isdigit() and Path("/proc", number).exists() else f"nobody has the number in {path}"
