"""csyncd's checker: is csyncd.cfg complete, and does it fit this node?"""

from firmware import addresses
from firmware.errors import Failure, complain
from firmware.sync import settings


def main(argv: list[str]) -> int:
    """Say everything that is wrong with it."""
    try:
        settings.read(own=addresses.own())
    except Failure as error:
        return complain("csyncd", error)
    return 0
