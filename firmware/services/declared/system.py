"""What belongs to no service of its own: the name of the node, kernel settings, consoles."""

import os

from firmware.rc.block import Block
from firmware.rc.values import CLOCK, CONSOLE, HOST, MODULE, SYSCTL, list_of, number
from firmware.services.definition import Argv, Context, Directive, Service


def setup(context: Context) -> list[Argv]:
    """Modules first, for they bring kernel settings with them."""
    block = context.block
    hostname = block.value("hostname")
    return [*modules(block), *settings(block), *([["hostname", hostname]] if hostname else [])]


def modules(block: Block) -> list[Argv]:
    """Load what is not there yet."""
    wanted = block.values("modprobe")
    return [["modprobe", *words] for words in wanted if not os.path.isdir(f"/sys/module/{words[0].replace('-', '_')}")]


def settings(block: Block) -> list[Argv]:
    """Kernel settings, as `KEY=VALUE`; the value may have several words."""
    pairs = [" ".join(words).partition("=") for words in block.values("sysctl")]
    return [["sysctl", "-q", "-w", f"{key.strip()}={value.strip()}"] for key, _, value in pairs]


SERVICE = Service(
    name="system",
    summary="the node itself: name, kernel settings, consoles",
    node_specific="it names this node",
    setup=setup,
    directives=(
        Directive("hostname", HOST, "the name of this node", example="hostname lb1"),
        Directive(
            "modprobe", MODULE, "a kernel module to load, with its options", many=True, example="modprobe nf_conntrack"
        ),
        Directive("sysctl", SYSCTL, "a kernel setting", many=True, example="sysctl net.core.somaxconn=4096"),
        Directive("rtc", CLOCK, "how the hardware clock runs (utc or local), or its device", example="rtc utc"),
        Directive("vt_consoles", number(0, 12), "how many virtual consoles have a login", example="vt_consoles 2"),
        Directive(
            "extra_consoles",
            list_of(CONSOLE),
            "serial consoles with a login",
            many=True,
            example="extra_consoles ttyS0:9600:vt100",
        ),
    ),
)
