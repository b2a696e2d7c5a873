"""The ports at which peers reach this node, 30022 and PORT: whether the sshd for peers has them. Sockets tell, never words:
whoever connects to an sshd can have it write any line.
"""

import errno
import socket
from collections.abc import Collection
from pathlib import Path

from firmware.errors import Invalid
from firmware.sync.settings import DEFAULT_PORT, Settings, place

#: where csyncd keeps the files of its sshd and of its ssh
RUN = Path("/run/firmware/csyncd")
SSHD = "/usr/sbin/sshd"
#: how the sshd for peers is started
COMMAND = f"{SSHD} -D -e -f {RUN / 'sshd_config'}"
REMEDY = "on node {}: end what has the port, or set another PORT in csyncd.cfg of both nodes"


def peer_ports(settings: Settings) -> list[int]:
    """Both of them, if they differ: a forward in front of one node changes PORT on the other node alone."""
    return sorted({DEFAULT_PORT, settings.port})


def has_bound(where: Path = RUN) -> bool:
    """Has the sshd that was started last tried all its ports, and got one? It writes its pid file then, before it serves
    anybody."""
    return (where / "sshd.pid").exists()


def missing_ports(settings: Settings, sshd: int) -> list[int]:
    """Those that the sshd with this pid does not listen on."""
    from firmware import processes

    listens = processes.listening_ports(sshd)
    return [port for port in peer_ports(settings) if port not in listens]


def taken_ports(settings: Settings) -> dict[int, str]:
    """Those that neither our sshd has nor could have, each with who has it."""
    owners = {port: _owner(port) for port in peer_ports(settings) if _is_taken(settings.local_ip, port)}
    return {port: owner for port, owner in owners.items() if owner}


def describe_trouble(settings: Settings, missing: Collection[int]) -> str:
    """Why peers cannot come in at these ports, which our sshd lacks; "" if it lacks none."""
    taken = taken_ports(settings)
    why = [
        f"port {port} of {settings.local_ip} is taken by {taken[port]}"
        if port in taken
        else f"sshd has not got port {port} of {settings.local_ip}"
        for port in missing
    ]
    only = "" if len(missing) == len(peer_ports(settings)) else f" at port {', '.join(map(str, missing))}"
    return f"no peer can come in{only}: {'; '.join(why)}" if why else ""


def require_ports(settings: Settings) -> None:
    """Invalid, with the line of csyncd.cfg, if somebody else has one of them."""
    taken = taken_ports(settings)
    if problems := [
        f"{place('PORT' if port == settings.port != DEFAULT_PORT else 'LOCAL_IP')}: port {port} of {settings.local_ip} "
        f"is taken by {owner}"
        for port, owner in taken.items()
    ]:
        raise Invalid("peers cannot come in", REMEDY.format(settings.local_node), problems)


def _is_taken(address: str, port: int) -> bool:
    """Could nobody bind it? Nothing listens, so no client ever gets to see this socket."""
    family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[
        0
    ]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _owner(port: int) -> str:
    """Who listens there, for people; "" if it is our own sshd."""
    from firmware import processes  # takes longer to load than all the rest, and most ports are free

    owners = processes.listeners(port)
    if any(processes.was_started_as(pid, COMMAND) for pid in owners):
        return ""
    return next((f"{name} (pid {pid})" for pid in owners if (name := processes.name(pid))), "another program")
