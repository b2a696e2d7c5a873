"""The web UI's checker: could it run?"""

from firmware.errors import Failure, complain
from firmware.wui import listening


def main(argv: list[str]) -> int:
    """Look at the words that the daemon would be given, and at its certificate."""
    try:
        if listening.place(argv).tls:
            listening.tls()
    except Failure as error:
        return complain("wui", error)
    return 0
