"""What a block `service wg` wants, and what in it does not do what its author expects.

A route is made for each of `allowed_ips`: without one, packets go past the tunnel in plain, while handshakes look healthy.
None is made for a network that this node is in by itself, for one that holds the endpoint, whose packets would go round in
the tunnel, and for everything (0.0.0.0/0), which is for the operator to decide.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

from firmware import addresses
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services.wireguard import Peer

#: the directives without which there is no peer
NEEDED = ("interface", "public_key", "allowed_ips")
CSYNCD = Path("/etc/csyncd/csyncd.cfg")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def wanted_peer(block: Block, document: Document) -> Peer:
    """The peer that the block describes. Its directives are valid, and those that are needed are there."""
    networks = [network for _, network in _networks(block)]
    routed = [str(network) for network in networks if not _route_obstacle(block, document, network)]
    return Peer(
        block.value("interface"), block.value("public_key"), block.value("endpoint"),
        tuple(map(str, networks)), tuple(dict.fromkeys(routed)), block.value("keepalive") or "off",
    )  # fmt: skip


def missing_directives(block: Block) -> list[tuple[int, str]]:
    """What must stand in the block and does not: lines and texts."""
    return [(block.lines[0].number, f"service {block.title} has no '{key}'") for key in NEEDED if not block.values(key)]


def problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """Why the block makes no peer in this document: lines and texts."""
    found = missing_directives(block)
    wanted = block.standing("interface")
    if wanted and wanted[-1].values[0] not in _tunnels(document):
        found.append((wanted[-1].line.number, f"no 'service network {wanted[-1].values[0]}' has 'type wg'"))
    elif wanted and _is_shut_down(wanted[-1].values[0], document):
        found.append((wanted[-1].line.number, f"{wanted[-1].values[0]} has 'shutdown': no route can lead through it"))
    return found


def warnings(block: Block, document: Document) -> list[tuple[int, str]]:
    """What will not work as it stands, lines and texts, with the value that does where that is known."""
    return [
        (number, f"'allowed_ips {network}': {obstacle}; {_remedy(block)}")
        for number, network in _networks(block)
        if (obstacle := _route_obstacle(block, document, network))
    ]


def _route_obstacle(block: Block, document: Document, network: Network) -> str:
    """Why no route is made for a network; "" if one is."""
    if not network.prefixlen:
        return "no route is made for everything: add one, or rules, to a network block"
    host = block.value("endpoint").rpartition(":")[0].strip("[]")
    if (endpoint := _address(host)) and endpoint in network:
        return f"the endpoint {host} is in it, so its packets would go round in the tunnel: no route is made"
    for name, own in _own_addresses(document):
        if own in network:
            return f"this node's own {own} on {name} is in it: it is this node's side, and no route is made"
    return ""


def _remedy(block: Block) -> str:
    """csyncd.cfg has the peer's address in the tunnel only once csyncd goes through it."""
    remote = _remote_address()
    known = remote is not None and remote != _address(block.value("endpoint").rpartition(":")[0].strip("[]"))
    tunnel = f"such as {remote}/{remote.max_prefixlen}, the REMOTE_IP of csyncd.cfg" if remote and known else "with /32"
    return f"name the address that the peer has in the tunnel, {tunnel}"


def _networks(block: Block) -> Iterator[tuple[int, Network]]:
    for one in block.standing("allowed_ips"):
        for word in ",".join(one.values).split(","):
            if word:
                yield one.line.number, ipaddress.ip_network(word, strict=False)


def _own_addresses(document: Document) -> Iterator[tuple[str, Address]]:
    """The addresses of this node, each with its interface: those that it has, and those that its network blocks give it."""
    for text, name in addresses.local_addresses().items():
        if (own := _address(text)) and name not in _tunnels(document):
            yield name, own
    for block in _network_blocks(document):
        for words in (*block.values("ip address"), *block.values("ip6 address")):
            if own := _address(words[0].partition("/")[0]):
                yield block.instance, own


def _tunnels(document: Document) -> list[str]:
    return [block.instance for block in _network_blocks(document) if block.value("type") == "wg"]


def _is_shut_down(interface: str, document: Document) -> bool:
    return any(block.flag("shutdown", False) for block in _network_blocks(document) if block.instance == interface)


def _network_blocks(document: Document) -> list[Block]:
    return [block for block in document.first_blocks if block.name == "network" and block.enabled]


def _remote_address() -> Address | None:
    """Where the peer is by csyncd.cfg; None if that is not known."""
    try:
        lines = CSYNCD.read_text(errors="replace").splitlines()
    except OSError:
        return None
    found = [line.partition("=")[2].strip() for line in lines if line.strip().startswith("REMOTE_IP=")]
    return _address(found[-1]) if found else None


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
