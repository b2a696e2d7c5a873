"""Where commands write: what somebody else wrote into a file, a name or another node's answer is shown there, not obeyed."""

import sys

from firmware.printable import escape

TYPE_CHECKING = False  # as in `config_edit`
if TYPE_CHECKING:
    from typing import Any, TextIO


class PrintableStream:
    """A stream on which control characters are written out, whoever prints; its `buffer` takes bytes as they are."""

    __slots__ = ("stream",)

    def __init__(self, stream: "TextIO") -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text whose only control characters are ends of lines and tabs."""
        return self.stream.write(escape(text, keep="\n\t"))

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.stream, name)


def make_printable(stream: "TextIO") -> "TextIO":
    """The stream as one on which nothing is obeyed; once is enough."""
    return stream if isinstance(stream, PrintableStream) else PrintableStream(stream)  # type: ignore[return-value]


def print_coloured(word: str, colour: str) -> None:
    """Print a word of ours in that colour (the number of SGR), if somebody sees it on a terminal."""
    stream = getattr(sys.stdout, "stream", sys.stdout)
    print(f"\033[{colour}m{escape(word)}\033[0m" if stream.isatty() else escape(word), file=stream)
