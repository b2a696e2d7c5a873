"""Patterns for paths: `*` stands for any characters, `?` for one, neither of them for a slash.

A pattern that begins with a slash is a whole path, any other one is a name in any directory. What lies below a path that
matches, matches too.

The time to match a path grows with its length and with that of the pattern, and no faster: patterns come in archives, too.
"""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PathPatterns:
    """Some patterns, and whether a path matches any of them; without patterns, none does."""

    patterns: tuple[str, ...] = ()
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole = [_translate(pattern) for pattern in self.patterns if pattern.startswith("/")]
        names = [_translate(pattern) for pattern in self.patterns if not pattern.startswith("/")]
        # All names at once: the slashes of a path are gone through once.
        expression = "|".join([*whole, f".*/(?:{'|'.join(names)})"] if names else whole or ["(?!)"])
        object.__setattr__(self, "_expression", re.compile(f"(?:{expression})(?:/.*)?", re.DOTALL))

    def match(self, path: str) -> bool:
        """Does the absolute path match one of them?"""
        return self._expression.fullmatch(path) is not None


def _translate(pattern: str) -> str:
    return "/".join(map(_translate_name, pattern.rstrip("/").split("/")))


def _translate_name(name: str) -> str:
    """What follows a star is taken where it comes first, and that is never tried again elsewhere: were there a match with a
    later one, there would be one with the first. The last must be at the end of the name."""
    first, *others = ("".join("[^/]" if char == "?" else re.escape(char) for char in part) for part in name.split("*"))
    if not others:
        return first
    *between, last = others
    return first + "".join(f"(?>[^/]*?{part})" for part in between) + f"(?>[^/]*?{last}(?=/|\\Z))"
