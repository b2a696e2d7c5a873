"""Where something is wrong, out of the words of checkers: file, line, text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from firmware.printable import escape

#: `FILE:LINE: …`, as sshd has it `FILE: line LINE: …`, and what is said of a whole file
_PLACE = re.compile(r"(/[^:\n]+):(?:(\d{1,9}):| line (\d{1,9}):)? ?(.*)", re.DOTALL)
_WARNING = "warning: "
#: haproxy's words that there were errors, which it has told before
#: how haproxy begins what names no place
_SEVERITY = re.compile(r"\[(?:ALERT|WARNING|NOTICE|DIAG)\]")
_SUMMARY = re.compile(r"\[ALERT\].*(?:Error\(s\) found in configuration file|Fatal errors found in configuration)")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file and what is said of it; `severity` is error or warning. `line` is 0 for words about the whole file,
    and `file` "" for those that name none."""

    file: str
    line: int
    text: str
    severity: str = "error"


def find_places(words: Iterable[str], severity: str = "error") -> tuple[Place, ...]:
    """What lines like `FILE:LINE: …` and `FILE:LINE: warning: …` say; a line without a place goes on with the one before,
    unless it begins with a severity of its own.
    `severity` is that of lines which do not say that they only warn."""
    found: list[Place] = []
    for line in words:
        text = escape(line, keep="\t")
        if match := _PLACE.match(text):
            found.append(_place(match[1], int(match[2] or match[3] or 0), match[4].lstrip(), severity))
        elif found and _SUMMARY.match(text):
            continue
        elif found and not _SEVERITY.match(text):
            found[-1] = replace(found[-1], text=f"{found[-1].text}\n{text}")
        elif text.strip():
            found.append(_place("", 0, text, severity))
    return tuple(found)


def _place(file: str, line: int, text: str, severity: str) -> Place:
    if text.startswith(_WARNING):
        return Place(file, line, text.removeprefix(_WARNING), "warning")
    return Place(file, line, text, severity)
