"""The block of one service in config.rc: its lines, and what its directives say."""

from dataclasses import dataclass

_FALSE = ("off", "no", "false", "0")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number (from 1), its exact text with the line's end, its words without quotes and comment, in today's
    spelling. Lines that a backslash at the end joins are one, with the number of the first."""

    number: int
    text: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One line of a directive: does it begin with `no`, and which words follow the key?"""

    line: Line
    negated: bool
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """The block of one service. `lines` run from its header to its last directive; the implicit system block has no
    header line, and goes on below a later `service system`, if there is one. Blank and comment lines after the last directive
    belong to what follows."""

    name: str
    instance: str
    enabled: bool
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        """How commands and paths name it: `haproxy`, `network.eth0`."""
        return f"{self.name}.{self.instance}" if self.instance else self.name

    @property
    def text(self) -> str:
        """The exact text of its lines."""
        return "".join([line.text for line in self.lines])

    @property
    def header(self) -> tuple[str, ...]:
        """The words that open it, in today's spelling."""
        words = ("service", self.name, self.instance) if self.instance else ("service", self.name)
        return words if self.enabled else ("no", *words)

    @property
    def directives(self) -> tuple[Line, ...]:
        """The lines that hold a directive (or its negation): all that have words, without the header."""
        if header_words(self.lines[0].words):
            return tuple([line for line in self.lines[1:] if line.words])
        return tuple([line for line in self.lines if line.words and not header_words(line.words)])

    @property
    def statements(self) -> tuple[tuple[str, ...], ...]:
        """The words of every line that has some, header first; equal for blocks that mean the same to the letter."""
        return (self.header, *(line.words for line in self.directives))

    def occurrences(self, key: str) -> list[Occurrence]:
        """Each line of the directive `key` (one word or two), in order."""
        wanted = tuple(key.split())
        lines = []
        for line in self.directives:
            negated = line.words[0] == "no"
            words = line.words[1:] if negated else line.words
            if words[: len(wanted)] == wanted:
                lines.append(Occurrence(line, negated, words[len(wanted) :]))
        return lines

    def values(self, key: str) -> list[tuple[str, ...]]:
        """The words after every `key`, in order. `no KEY` takes back all before it, `no KEY VALUE` that value."""
        return [occurrence.values for occurrence in self.standing(key)]

    def standing(self, key: str) -> list[Occurrence]:
        """The lines of `key` that count: those that no later `no KEY` takes back."""
        remaining: list[Occurrence] = []
        for occurrence in self.occurrences(key):
            if not occurrence.negated:
                remaining.append(occurrence)
            else:
                taken = occurrence.values
                remaining = [one for one in remaining if taken and one.values != taken]
        return remaining

    def value(self, key: str, default: str = "") -> str:
        """The words after the last `key`, joined by one blank; "" after `no KEY`, `default` if it stands nowhere."""
        occurrences = self.occurrences(key)
        if not occurrences:
            return default
        return "" if occurrences[-1].negated else " ".join(occurrences[-1].values)

    def flag(self, key: str, default: bool) -> bool:
        """`key` or `key on`: True; `no key` or `key off`: False; the last one counts; `default` if there is none."""
        occurrences = self.occurrences(key)
        return is_on(occurrences[-1]) if occurrences else default


def is_on(flag: Occurrence) -> bool:
    """Does this line of a flag switch it on?"""
    return not flag.negated and switches_on(flag.values)


def switches_on(values: tuple[str, ...]) -> bool:
    """Do these words after the key of a flag switch it on?"""
    return values[:1] not in [(word,) for word in _FALSE]


def header_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """A header's words in today's spelling: ("service", NAME, …), without `no`; () if the line is no header.

    `interface` counts as one here; only the document knows whether it stands in a wg block.
    """
    rest = words[1:] if words[:1] == ("no",) else words
    if rest[:1] == ("interface",):
        return ("service", "network", *rest[1:])
    return ("service", *rest[1:]) if rest[:1] in (("service",), ("section",)) else ()
