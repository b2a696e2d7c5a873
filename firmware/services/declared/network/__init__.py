"""A network interface and its addresses; the instance is its name (eth0, eth0.100, wg0).

What a block wants is in `wanted`, what the kernel has in `kernel`, both in the terms of `state`; `difference` says what has to
be changed, `reconcile` does it, and `record` remembers what was set up.
"""

from pathlib import Path

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services.declared.network.directives import DIRECTIVES
from firmware.services.definition import Confirmable, Context, Package, Service


def _set_up(context: Context) -> str:
    """Make the kernel's network what the block wants; returns what went wrong."""
    from firmware.services.declared.network import reconcile

    return reconcile.set_up(context.block)


def _blocks() -> dict[str, Block]:
    """The blocks that are set up now, by title."""
    from firmware.services.declared.network import record

    return {title: record.block(owned) for title, owned in record.all_owned().items()}


def _put_back(block: Block, _: Path) -> str:
    """Make the kernel's network what that block wants; returns what went wrong."""
    from firmware.services.declared.network import reconcile

    return reconcile.set_up(block)


def _take_down(title: str) -> str:
    """Take away what was set up; returns what went wrong."""
    from firmware.services.declared.network import reconcile

    return reconcile.take_down(title)


def _problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """What is wrong with its lines together, and with those of other blocks."""
    from firmware.services.declared.network import problems

    return problems.problems(block, document)


def _needs(block: Block, _: Document) -> list[str]:
    """An interface comes after those that it is made of."""
    from firmware.services.declared.network.wanted import wanted_network

    try:
        link = wanted_network(block).link
    except (ValueError, IndexError):  # said elsewhere
        return []
    below = (*(slave.name for slave in link.slaves), *((link.parent,) if link.parent else ()))
    return [f"network.{name}" for name in below]


def _remarks(title: str) -> list[str]:
    """What others have added to the interface."""
    from firmware.services.declared.network import foreign

    return foreign.remarks(title)


def _warnings(block: Block, document: Document) -> list[tuple[int, str]]:
    """What of its WireGuard does not do what its author expects."""
    from firmware.services.declared.network import wireguard_warnings

    return wireguard_warnings.warnings(block, document)


SERVICE = Service(
    name="network",
    packages=(Package("iproute2", "IPROUTE2"), Package("ethtool", "ETHTOOL")),
    summary="a network interface and its addresses",
    instances="optional",
    node_specific="its addresses belong to this node",
    problems=_problems,
    needs=_needs,
    remarks=_remarks,
    reconcile=_set_up,
    take_down=_take_down,
    confirmable=Confirmable(_blocks, _put_back),
    warnings=_warnings,
    directives=DIRECTIVES,
)
