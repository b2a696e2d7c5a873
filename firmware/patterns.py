"""Patterns for paths: `*` stands for any characters, `?` for one, neither of them for a slash.

A pattern that begins with a slash is a whole path, any other one is a name in any directory. What lies below a path that
matches, matches too.
"""

import re
from dataclasses import dataclass, field

_WILDCARDS = {"*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class PathPatterns:
    """Some patterns, and whether a path matches any of them; without patterns, none does."""

    patterns: tuple[str, ...] = ()
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        expression = "|".join(map(_translate, self.patterns)) or r"(?!)"
        object.__setattr__(self, "_expression", re.compile(expression, re.DOTALL))

    def match(self, path: str) -> bool:
        """Does the absolute path match one of them?"""
        return self._expression.fullmatch(path) is not None


def _translate(pattern: str) -> str:
    start = "" if pattern.startswith("/") else ".*/"
    return start + "".join(_WILDCARDS.get(char, re.escape(char)) for char in pattern.rstrip("/")) + "(?:/.*)?"
