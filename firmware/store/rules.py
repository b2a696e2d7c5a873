"""What is never saved, and what is saved but is no change by itself: /etc/firmware/save.rules, a line for each pattern.

    ignore PATTERN      never saved, never restored, never a change
    quiet PATTERN       saved and restored at boot, but by itself not a change; what runs keeps its own

`*` stands for any characters, `?` for one, neither for a slash. A pattern that begins with a slash is a whole path, any
other one a name in any directory. What lies below a path that fits, fits too.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from firmware import files
from firmware.errors import Invalid
from firmware.store.places import NODE, Places

FILE = "/etc/firmware/save.rules"

#: our own half-written files and staged pushes: no rule of anybody's can make these worth saving
_OURS = (f"{files.TEMPORARY}????????", "/etc/.staging")
_WILD = {"*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, ready to be asked about paths."""

    ignored: re.Pattern[str]
    quiet: re.Pattern[str]

    def ignores(self, path: str) -> bool:
        """Is the path none of the store's business?"""
        return self.ignored.fullmatch(path) is not None

    def is_quiet(self, path: str) -> bool:
        """Is a difference there no change by itself?"""
        return self.quiet.fullmatch(path) is not None


def load(places: Places = NODE) -> Rules:
    """This node's rules: its own file, or the factory's where there is none. Invalid, with FILE:LINE, if it has errors."""
    for path in (places.on_disk(FILE), places.in_factory(FILE)):
        if path.is_file():
            return parse(path.read_text("utf-8", "surrogateescape"), str(path))
    return parse("", FILE)


def own(places: Places = NODE) -> Rules:
    """This node's rules for who only looks: in place of broken ones, the factory's."""
    path = places.on_disk(FILE)
    return sane(path.read_bytes() if path.is_file() else None, places)


def sane(text: bytes | None, places: Places = NODE) -> Rules:
    """The rules in `text`, or the factory's where there is none or it has errors: a restore has to work regardless."""
    path = places.in_factory(FILE)
    for candidate in (text, path.read_bytes() if path.is_file() else None):
        with suppress(Invalid):
            if candidate is not None:
                return parse(candidate.decode("utf-8", "surrogateescape"))
    return parse("")


def parse(text: str, name: str = FILE) -> Rules:
    """The rules in a text; `name` stands in messages."""
    patterns: dict[str, list[str]] = {"ignore": [*_OURS], "quiet": []}
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or words[0] not in patterns:
            problems.append(f"{name}:{number}: a rule is `ignore PATTERN` or `quiet PATTERN`")
        else:
            patterns[words[0]].append(words[1].strip())
    if problems:
        raise Invalid(f"{name}: not understood", problems=problems)
    return Rules(_union(patterns["ignore"]), _union(patterns["quiet"]))


def _union(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_translated, patterns)) or r"(?!)", re.DOTALL)


def _translated(pattern: str) -> str:
    start = "" if pattern.startswith("/") else ".*/"
    return start + "".join(_WILD.get(char, re.escape(char)) for char in pattern.rstrip("/")) + "(?:/.*)?"
