"""Speed and duplex of a card, by ethtool: what a block says of them, and what the card does."""

import re
from collections.abc import Mapping

from firmware.errors import Failure
from firmware.rc.block import Block
from firmware.rc.document import PATH as CONFIG
from firmware.run import run

_SHOWN = re.compile(r"^\s*(Speed|Duplex|Auto-negotiation): (\S+)$", re.MULTILINE)
_WORDS = {"Speed": "speed", "Duplex": "duplex", "Auto-negotiation": "autoneg"}
#: what a card does that nobody told anything
AUTOMATIC = {"autoneg": "on"}


def block_negotiation(block: Block) -> tuple[dict[str, str], int]:
    """What `auto`, `speed` and `duplex` want, in ethtool's words, and the last of their lines; nothing where they say what is
    so by itself."""
    fixed = {key: block.value(key) for key in ("speed", "duplex") if block.value(key) not in ("", "auto")}
    lines = [one.line.number for key in ("auto", "speed", "duplex") for one in block.standing(key)]
    if not fixed and block.flag("auto", True):
        return {}, 0
    negotiates = block.flag("auto", False)
    return {**fixed, "autoneg": "on" if negotiates else "off"}, max(lines, default=0)


def negotiate(interface: str, want: Mapping[str, str], line: int) -> list[str]:
    """Have the card do that, if it does not; returns what went wrong."""
    place = f"{CONFIG}:{line}: " if line else ""
    try:
        shown = run(["ethtool", interface], check=False).stdout
        now = {_WORDS[key]: value.removesuffix("Mb/s").lower() for key, value in _SHOWN.findall(shown)}
        if any(now.get(key) != value for key, value in want.items()):
            run(["ethtool", "-s", interface, *(word for pair in want.items() for word in pair)])
    except Failure as error:
        return [f"{place}{interface}: {error}"]
    return []
