"""Where daemons and flows say what they do: lines on stderr, which s6 and the console keep."""

import sys

from firmware.printable import escape


def line(text: str) -> None:
    """Write a line, at once; control characters in it are shown, not obeyed."""
    print(escape(text, keep="\n\t"), file=sys.stderr, flush=True)
