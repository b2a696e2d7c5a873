"""The addresses and ports that haproxy.cfg binds, whose they are, and whether they are free."""

import errno
import socket
import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from firmware.haproxy.configuration import Line, read_lines
from firmware.haproxy.words import not_held
from firmware.printable import bracket_address

#: how addresses begin that are no TCP ports
NO_TCP = ("unix", "abns", "fd", "sockpair", "quic", "udp", "rhttp")
_ADDRESS = frozenset("0123456789abcdefABCDEF.:*")
#: the state of a socket in /proc/net/tcp
_LISTENING = "0A"
_ANY = ("", "*", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class NodePort:
    """A port by which the node is administered or reached by its peer: the service that has it; the address, "" for all."""

    owner: str
    address: str
    port: int

    @staticmethod
    def of(word: str) -> "NodePort":
        """What SERVICE=ADDRESS:PORT says."""
        owner, _, place = word.partition("=")
        address, _, port = place.rpartition(":")
        return NodePort(owner, address, int(port))


@dataclass(frozen=True, slots=True)
class Binding:
    """What one address of a line binds: address ("" for all), ports, and the interface that it keeps to ("" for none)."""

    line: Line
    address: str
    ports: range
    interface: str


def node_port_problems(path: str, node_ports: Sequence[str], listening: Sequence[tuple[str, int]] = ()) -> list[str]:
    """The lines that would bind a port of the node's own, as FILE:LINE: …

    `listening` are the addresses at which haproxy listens once it is started with the file: what stands in no line, for it
    is in a variable, or Lua's or a program's, is seen there.
    """
    found = {}
    for own in map(NodePort.of, node_ports):
        belongs = f"port {own.port} of this node belongs to service {own.owner}: bind another one"
        named = [one for one in bindings(path) if own.port in one.ports and _overlap(one.address, own.address)]
        found.update({f"{one.line.place}: {belongs}": "" for one in named})
        if not named and any(own.port == port and _overlap(address, own.address) for address, port in listening):
            variable = (
                line.place for line in read_lines(path) if line.words[0] == "bind" and "$" in "".join(line.words)
            )
            found[f"{next(variable, f'{path}:1')}: {belongs}; a variable, Lua or a program has it bound"] = ""
    return list(found)


def occupied_addresses(path: str, own: Set[int] = frozenset()) -> list[str]:
    """The addresses that the file binds and somebody else has, as FILE:LINE: …; `own` are ports that haproxy itself has.

    A reload would find that out, too, but only while the old worker pauses, which refuses its clients for two seconds.
    Addresses that cannot be understood without haproxy are left to it.
    """
    found = []
    for one in filter(_is_plain, bindings(path)):
        address, port = {"": "0.0.0.0", "*": "0.0.0.0"}.get(one.address, one.address), one.ports[0]
        if port not in own and (problem := _bind_problem(address, port, one.interface)):
            found.append(f"{one.line.place}: cannot bind {bracket_address(address)}:{port}: {problem}")
    return found


def listening_sockets(proc: str = "/proc/self/net") -> Iterator[tuple[str, int, int]]:
    """All TCP sockets that listen in our network namespace: address, port, and the user that opened it."""
    for name in ("tcp", "tcp6"):
        try:
            with open(f"{proc}/{name}", encoding="ascii") as file:
                next(file, "")
                for line in file:
                    fields = line.split()
                    if fields[3] != _LISTENING:
                        break  # these come first, and there may be any number of others
                    address, _, port = fields[1].partition(":")
                    yield _readable_address(address), int(port, 16), int(fields[7])
        except FileNotFoundError:
            continue  # no IPv6 here


def bindings(path: str) -> Iterator[Binding]:
    """All TCP ports that a file may bind, but those in variables."""
    for line in read_lines(path):
        words = line.words
        at = 1 if words[0] == "bind" else 2 if words[:2] == ("stats", "socket") else 0
        at = 2 if line.section == "peers" and words[0] in ("peer", "server") else at
        for part in words[at].split(",") if at and len(words) > at else ():
            sort, _, place = part.rpartition("@")
            address, _, ports = place.rpartition(":")
            low, _, high = ports.partition("-")
            if len(ports) < 12 and low.isdecimal() and (high or low).isdecimal() and not sort.startswith(NO_TCP):
                within = range(int(low), int(high or low) + 1)
                yield Binding(line, address.strip("[]"), within, _option(line, "interface"))


def _option(line: Line, name: str) -> str:
    """The word after `name` in a line; "" if it is not there."""
    after = line.words[line.words.index(name) + 1 :] if name in line.words else ()
    return after[0] if after else ""


def _is_plain(one: Binding) -> bool:
    """Is it one port of a `bind` line, in our network namespace, at an address of this node that is no name?"""
    words = one.line.words
    unusual = "transparent" in words or "namespace" in words or words[0] != "bind"
    return not unusual and len(one.ports) == 1 and 0 < one.ports[0] < 65536 and _ADDRESS.issuperset(one.address)


def _readable_address(words: str) -> str:
    """An address of /proc/net/tcp: words of four bytes in hexadecimal, each as this machine stores it."""
    data = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def _overlap(one: str, other: str) -> bool:
    """Can two sockets not both be bound to these addresses? What is no plain address may be any."""
    return one.lower() == other.lower() or any(
        address in _ANY or not _ADDRESS.issuperset(address) for address in (one, other)
    )


def _bind_problem(address: str, port: int, interface: str) -> str:
    """Why nobody can bind it, "" if it is free. Nothing listens, so no client ever gets to see this socket."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if interface:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            probe.bind((address, port))
        except OSError as error:
            why = error.strerror or str(error)
            return f"{why}: {not_held(address)}" if error.errno == errno.EADDRNOTAVAIL else why
    return ""
