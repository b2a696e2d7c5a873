"""keepalived's configuration files: statements of words, each with a body in braces or without one.

It is read to know the lines that keepalived's own messages leave out, and the addresses that a file brings. keepalived
itself decides what is right. It uses nothing of the firmware, for it runs beside hostile files, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: a word in quotes, a brace, or a plain word; a comment takes the rest of a line
_WORD = re.compile(r'"[^"]*"?|[{}]|[^\s{}"]+')
_COMMENT = "#!"


@dataclass(frozen=True, slots=True)
class Statement:
    """`virtual_router_id 5`, or `vrrp_instance eth0 { … }`: the number of its line, its words, and what its braces hold."""

    line: int
    words: tuple[str, ...]
    body: tuple["Statement", ...] = ()

    @property
    def keyword(self) -> str:
        """Its first word; "" where braces stand alone."""
        return self.words[0] if self.words else ""

    def find_all(self, keyword: str) -> Iterator["Statement"]:
        """Those in its braces that begin with that word."""
        return (one for one in self.body if one.words[:1] == (keyword,))

    def value(self, keyword: str) -> str:
        """The word after the last such keyword; "" if it does not stand here."""
        return next((one.words[1] for one in reversed(self.body) if one.words[:1] == (keyword,) and one.words[1:]), "")


@dataclass(frozen=True, slots=True)
class BraceProblem(Exception):
    """A brace that has no partner, and its line."""

    line: int
    text: str


def parse(text: str) -> tuple[Statement, ...]:
    """The statements of a file, from the outermost braces in. BraceProblem for a brace without its partner."""
    opened: list[tuple[int, tuple[str, ...], list[Statement]]] = [(0, (), [])]
    for number, words in _lines_with_words(text):
        pending: list[str] = []
        for word in words:
            if word == "{":
                opened.append((number, tuple(pending) or _header_above(opened[-1][2]), []))
                pending = []
            elif word == "}":
                _add(opened, number, pending)
                pending = []
                if len(opened) == 1:
                    raise BraceProblem(number, "this '}' closes nothing")
                line, header, body = opened.pop()
                opened[-1][2].append(Statement(line, header, tuple(body)))
            else:
                pending.append(word)
        _add(opened, number, pending)
    if len(opened) > 1:
        line, header, _ = opened[-1]
        raise BraceProblem(line, f"the '{{' of '{' '.join(header)}' is never closed")
    return tuple(opened[0][2])


def statements_below(top: tuple[Statement, ...]) -> Iterator[Statement]:
    """Each statement, and each in its braces, however deep."""
    waiting = list(reversed(top))
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(one.body))


def virtual_addresses(top: tuple[Statement, ...]) -> list[tuple[str, str]]:
    """The addresses that a file's VRRP instances hold while they are master, each with its interface."""
    found = []
    for instance in (one for one in top if one.words[:1] == ("vrrp_instance",)):
        interface = instance.value("interface")
        for block in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
            for one in (address for body in instance.find_all(block) for address in body.body):
                device = one.words[one.words.index("dev") + 1 :] if "dev" in one.words else ()
                found.append((one.words[0], device[0] if device else interface))
    return found


def _header_above(before: list[Statement]) -> tuple[str, ...]:
    """A brace may stand on the line after the words that it belongs to."""
    return before.pop().words if before and not before[-1].body else ()


def _add(opened: list[tuple[int, tuple[str, ...], list[Statement]]], number: int, words: list[str]) -> None:
    if words:
        opened[-1][2].append(Statement(number, tuple(words)))


def _lines_with_words(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        words = []
        for match in _WORD.finditer(line):
            if match.group()[0] in _COMMENT:
                break
            words.append(match.group().strip('"') or '""')
        if words:
            yield number, words
