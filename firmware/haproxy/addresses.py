"""The addresses and ports that haproxy.cfg binds, whose they are, and whether they are free."""

import re
from collections.abc import Iterator

from firmware.haproxy.configuration import lines_with_words
from firmware.printable import bracket_address

#: how addresses begin that are no TCP ports
NO_TCP = ("unix", "abns", "fd", "sockpair", "quic", "udp", "rhttp")
_ADDRESS = frozenset("0123456789abcdefABCDEF.:*")


def node_port_problems(path: str, node_ports: list[str]) -> list[str]:
    """The lines that would bind a port by which the node is administered or reached by its peer, as FILE:LINE: …

    It does not see a port that stands in a variable, nor what Lua or a program binds. These find the port taken.
    """
    owned = []
    for word in node_ports:
        owner, _, place = word.partition("=")
        address, _, port = place.rpartition(":")
        owned.append((owner, address, int(port)))
    return [
        f"{path}:{number}: port {port} of this node belongs to service {owner}: bind another one"
        for number, address, ports in _named_ports(path)
        for owner, owned_address, port in owned
        if port in ports and _overlap(address, owned_address)
    ]


def occupied_addresses(path: str, loaded: str) -> list[str]:
    """The addresses that the file binds, the one that is loaded does not, and somebody else has.

    A reload would find that out, too, but only while the old worker pauses, which refuses its clients for two seconds.
    Addresses that cannot be understood without haproxy are left to it.
    """
    own = {port for _, _, port in _bound_addresses(loaded)}
    found = []
    for number, address, port in _bound_addresses(path) if own else ():
        if port not in own and (problem := _bind_problem(address, port)):
            found.append(f"{path}:{number}: cannot bind {bracket_address(address)}:{port}: {problem}")
    return found


def _bound_addresses(path: str) -> Iterator[tuple[int, str, int]]:
    """The addresses that a file binds: line, address, port."""
    for number, _, words in lines_with_words(path):
        if words[0] == "bind" and words[1:] and "transparent" not in words:
            for part in words[1].split(","):
                address, _, port = part.removeprefix("ipv4@").removeprefix("ipv6@").rpartition(":")
                address = address.strip("[]")
                if port.isdigit() and 0 < int(port) < 65536 and _ADDRESS.issuperset(address):
                    yield number, {"": "0.0.0.0", "*": "0.0.0.0"}.get(address, address), int(port)


def _named_ports(path: str) -> Iterator[tuple[int, str, range]]:
    """All that a file may bind: line, address, ports. Words may be quoted, also in part."""
    for number, section, quoted in lines_with_words(path):
        words = [re.sub(r"[\"'\\]", "", word) for word in quoted]
        at = 1 if words[0] == "bind" else 2 if words[:2] == ["stats", "socket"] else 0
        at = 2 if section == "peers" and words[0] in ("peer", "server") else at
        for part in words[at].split(",") if at and len(words) > at else ():
            sort, _, place = part.rpartition("@")
            address, _, ports = place.rpartition(":")
            low, _, high = ports.partition("-")
            if len(ports) < 12 and low.isdecimal() and (high or low).isdecimal() and not sort.startswith(NO_TCP):
                yield number, address.strip("[]"), range(int(low), int(high or low) + 1)


def _overlap(one: str, other: str) -> bool:
    """Can two sockets not both be bound to these addresses? What is no plain address may be any."""
    return one.lower() == other.lower() or any(
        address in ("", "*", "0.0.0.0", "::") or not _ADDRESS.issuperset(address) for address in (one, other)
    )


def _bind_problem(address: str, port: int) -> str:
    """Why nobody can bind it, "" if it is free. Nothing listens, so no client ever gets to see this socket."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
