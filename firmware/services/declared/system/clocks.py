"""The time zone of the node, and how its hardware clock runs."""

import os

from firmware import identity
from firmware.printable import quote_word
from firmware.rc.block import Block
from firmware.rc.values import ValueKind, Words, one_word
from firmware.services.definition import Argv

ZONES, LOCAL = "/usr/share/zoneinfo", "/etc/localtime"


def commands(block: Block) -> list[Argv]:
    """A link to the zone, as libraries look for it; UTC where there is none."""
    zone = _zone(block)
    return [["ln", "-sfn", f"{ZONES}/{zone}", LOCAL]] if zone else []


def undo(block: Block) -> list[Argv]:
    """UTC again."""
    return [["rm", "-f", LOCAL]] if _zone(block) else []


def _zone(block: Block) -> str:
    """What the block says, else what the identity of this unit does."""
    known = identity.known_identity()
    return block.value("timezone") or (known.timezone if known else "")


def _zone_problem(word: str) -> str:
    parts = word.split("/")
    fits = all(part and part[0].isalpha() and part.replace("-", "_").replace("+", "_").isidentifier() for part in parts)
    return (
        ""
        if fits and _is_zone(os.path.join(ZONES, *parts))
        else f"{quote_word(word)} is not a time zone such as Europe/Paris: see {ZONES}"
    )


def _is_zone(path: str) -> bool:
    """By what it begins with: there are other files, and in some places a link to the node's own zone."""
    try:
        with open(path, "rb") as file:
            return os.path.basename(path) != "localtime" and file.read(4) == b"TZif"
    except OSError:
        return False


def _clock_problem(words: Words) -> str:
    if words in (("utc",), ("UTC",), ("/dev/rtc",), ("/dev/rtc0",)):
        return ""
    return f"{quote_word(' '.join(words))}: the hardware clock is /dev/rtc0 and runs in UTC: nobody else shares it"


ZONE = one_word("a time zone", _zone_problem)
CLOCK = ValueKind("utc", _clock_problem, from_peer=False)
