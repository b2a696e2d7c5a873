"""What haproxy.cfg says: its lines, and their words."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

SECTIONS = frozenset(
    (
        "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "mailers", "ring", "cache",
        "program", "http-errors", "fcgi-app", "log-forward", "crt-store", "log-profile", "traces", "acme",
    )
)  # fmt: skip

#: a piece of a line: an escape, a quoted part, the rest of the line as a comment, blanks, or a letter
_PIECE = re.compile(r"""\\x[0-9a-fA-F]{2}|\\.|'[^']*'?|"(?:\\.|[^"\\])*"?|#.*|\s+|[^\\'"#\s]+|\\$""", re.S)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds words, as haproxy reads them: without quotes, escapes and comments. Variables stay as they are."""

    file: str
    number: int
    section: str
    words: tuple[str, ...]

    @property
    def place(self) -> str:
        """FILE:LINE, as errors begin."""
        return f"{self.file}:{self.number}"


def read_lines(path: str) -> Iterator[Line]:
    """The lines that hold words: of the file, or of the files *.cfg in a directory, in their order."""
    for file in configuration_files(path):
        section = ""
        for number, text in logical_lines(file):
            words = split_words(text)
            if words:
                section = words[0] if words[0] in SECTIONS else section
                yield Line(file, number, section, words)


def split_words(text: str) -> tuple[str, ...]:
    """The words of a line, as haproxy splits it."""
    words: list[str] = []
    within = False
    for piece in _PIECE.findall(text):
        if piece[0] == "#":
            break
        if piece.isspace():
            within = False
            continue
        if not within:
            words.append("")
            within = True
        words[-1] += _unquote(piece)
    return tuple(words)


def _unquote(piece: str) -> str:
    if piece[0] == "'":
        return piece.strip("'")
    if piece[0] == '"':
        return re.sub(r'\\(["\\$])', r"\1", piece[1:].removesuffix('"'))
    if piece[:2] == "\\x" and len(piece) == 4:
        return chr(int(piece[2:], 16))
    return _ESCAPES.get(piece[1], piece[1]) if piece[0] == "\\" and piece[1:] else piece


def configuration_files(path: str) -> list[str]:
    """haproxy takes those of a directory that end in .cfg and are not hidden, in the order of their bytes."""
    try:
        names = sorted(os.listdir(path), key=os.fsencode)
    except OSError:
        return [path]
    return [os.path.join(path, name) for name in names if name.endswith(".cfg") and name[0] != "."]


def logical_lines(file: str) -> Iterator[tuple[int, str]]:
    """Lines with the numbers on which they begin; one that ends in a backslash goes on."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", opener=_open_without_waiting) as lines:
            begun, text = 0, ""
            for number, line in enumerate(lines, 1):
                begun, text = begun or number, text + line.rstrip("\n")
                if re.search(r"(?<!\\)(?:\\\\)*\\$", text):
                    text = text[:-1]
                    continue
                yield begun, text
                begun, text = 0, ""
    except OSError:
        return  # haproxy itself says so
    if text:
        yield begun, text


def _open_without_waiting(path: str, flags: int) -> int:
    """Root reads it, too, when haproxy is reloaded: a FIFO in its place must not keep it for ever."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a file", path)
    return handle
