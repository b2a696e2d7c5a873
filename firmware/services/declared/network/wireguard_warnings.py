"""What in the block of a WireGuard interface does not do what its author expects."""

import ipaddress
import stat
from collections.abc import Iterator
from pathlib import Path

from firmware.rc.block import Block
from firmware.rc.document import Document

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def warnings(block: Block, document: Document) -> list[tuple[int, str]]:
    """Numbers of lines, and texts; none for an interface of another type."""
    return [*_key_warnings(block), *_overlaps(block, document)] if block.value("type") == "wg" else []


def _key_warnings(block: Block) -> Iterator[tuple[int, str]]:
    lines = block.standing("wg private_key")
    if not lines:
        yield block.lines[0].number, f"service {block.title} has no 'wg private_key'"
        return
    number, path = lines[-1].line.number, Path(lines[-1].values[0])
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:  # it is refused
        return
    if mode & 0o077:
        yield number, f"everybody on this node may read {path} (mode {mode:o}): chmod 600 {path}"


def _overlaps(block: Block, document: Document) -> Iterator[tuple[int, str]]:
    """Where the network of a tunnel's address is that of another interface, which one packets take is a matter of chance."""
    others = [other for other in document.first_blocks if other.name == "network" and other.enabled]
    for number, own in _addresses(block):
        for other in (one for one in others if one.instance != block.instance):
            for _, address in _addresses(other):
                if own.version == address.version and own.network.overlaps(address.network):
                    yield (
                        number,
                        (
                            f"{own} is in the network of {address} on {other.instance}: write {own.ip}/{own.ip.max_prefixlen} "
                            f"(what is behind the tunnel, allowed_ips of service wg say)"
                        ),
                    )


def _addresses(block: Block) -> Iterator[tuple[int, Interface]]:
    for key in ("ip address", "ip6 address"):
        for one in block.standing(key):
            try:
                yield one.line.number, ipaddress.ip_interface(one.values[0])
            except (IndexError, ValueError):
                continue
