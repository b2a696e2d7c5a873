"""A network interface and its addresses; the instance is its name (eth0, eth0.100, wg0).

What a block wants is in `wanted`, what the kernel has in `kernel`, both in the terms of `state`; `difference` says what has to
be changed, `reconcile` does it, and `record` remembers what was set up.
"""

from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services.declared.network.directives import DIRECTIVES
from firmware.services.definition import Context, Package, Service


def _set_up(context: Context) -> str:
    """Make the kernel's network what the block wants; returns what went wrong."""
    from firmware.services.declared.network import reconcile

    return reconcile.set_up(context.block)


def _take_down(title: str) -> str:
    """Take away what was set up; returns what went wrong."""
    from firmware.services.declared.network import reconcile

    return reconcile.take_down(title)


def _problems(block: Block, document: Document) -> list[tuple[int, str]]:
    """What is wrong with its lines together, and with those of other blocks."""
    from firmware.services.declared.network import problems

    return problems.problems(block, document)


SERVICE = Service(
    name="network",
    packages=(Package("iproute2", "IPROUTE2"),),
    summary="a network interface and its addresses",
    instances="optional",
    node_specific="its addresses belong to this node",
    problems=_problems,
    reconcile=_set_up,
    take_down=_take_down,
    directives=DIRECTIVES,
)
