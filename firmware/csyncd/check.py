"""csyncd's checker: is csyncd.cfg complete, and does it fit this node?"""

from firmware import addresses, log
from firmware.errors import Failure, report
from firmware.sync import settings


def main(argv: list[str]) -> int:
    """Say everything that is wrong with it."""
    try:
        settings.read(local_addresses=addresses.local_addresses())
    except Failure as error:
        log.line(report("csyncd", error))
        return error.status
    return 0
