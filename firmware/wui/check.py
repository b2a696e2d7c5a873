"""The web UI's checker: could it run?"""

from firmware import log
from firmware.errors import Failure, report
from firmware.wui import listening


def main(argv: list[str]) -> int:
    """Look at the words that the daemon would be given, and at its certificate."""
    try:
        if listening.parse_address(argv).tls:
            listening.tls_context()
    except Failure as error:
        log.line(report("wui", error))
        return error.status
    return 0
