"""config.rc as a lossless document: its lines, the blocks that they make, and the words in each line.

Reading and writing back gives the same text, whatever it was. The rules of the language:

- A line ends with a newline; a carriage return before it belongs to the line's end. Words are separated by blanks
  (space, tab, carriage return, vertical tab, form feed); blanks at the beginning carry no meaning.
- `#` at the start of a word begins a comment. Single and double quotes group what is between them, also within a word
  and also nothing at all (`""`); there is no escape character. A quote that is not closed in its line is an error.
- `service NAME [INSTANCE]` opens a block, `no service NAME [INSTANCE]` a block that is switched off. What stands before
  the first one belongs to an implicit `service system`. Legacy spellings: `section NAME` for `service NAME`, and
  `interface NAME` for `service network NAME`, but not inside a `service wg` block, where it is a directive.

Words are taken apart and compared, never executed. Start reading at `scan`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.errors import Failure, Invalid
from firmware.printable import quote_word
from firmware.rc.title import Title
from firmware.rc.words import explain, split

PATH = "/etc/config.rc"

#: how many characters the name of a service or an instance may have
LONGEST = 64

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_INSTANCE = _NAME | frozenset(".:@")
_HEADS = frozenset(("service", "section", "interface", "no"))
_FALSE = ("off", "no", "false", "0")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number (from 1), its exact text with the line's end, its words without quotes and comment."""

    number: int
    text: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """The block of one service. `lines` run from its header to its last directive; the implicit system block has no
    header line. Blank and comment lines after the last directive belong to what follows."""

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
        lines = self.lines[1:] if heading(self.lines[0].words) else self.lines
        return tuple([line for line in lines if line.words])

    @property
    def statements(self) -> tuple[tuple[str, ...], ...]:
        """The words of every line that has some, header first; equal for blocks that mean the same to the letter."""
        return (self.header, *(line.words for line in self.directives))

    def matching(self, key: str) -> list[tuple[Line, bool, tuple[str, ...]]]:
        """Each line of the directive `key` (one word or two) with: does it negate? and the words after the key."""
        wanted = tuple(key.split())
        found = []
        for line in self.directives:
            negated = line.words[0] == "no"
            words = line.words[1:] if negated else line.words
            if words[: len(wanted)] == wanted:
                found.append((line, negated, words[len(wanted) :]))
        return found

    def values(self, key: str) -> list[tuple[str, ...]]:
        """The words after every `key`, in order. `no KEY` takes back all before it, `no KEY VALUE` that value."""
        found: list[tuple[str, ...]] = []
        for _, negated, words in self.matching(key):
            if not negated:
                found.append(words)
            else:
                found = [value for value in found if words and value != words]
        return found

    def value(self, key: str, default: str = "") -> str:
        """The words after the last `key`, joined by one blank; "" after `no KEY`, `default` if it stands nowhere."""
        found = self.matching(key)
        if not found:
            return default
        _, negated, words = found[-1]
        return "" if negated else " ".join(words)

    def flag(self, key: str, default: bool) -> bool:
        """`key` or `key on`: True; `no key` or `key off`: False; the last one counts; `default` if there is none."""
        found = self.matching(key)
        if not found:
            return default
        _, negated, words = found[-1]
        return affirms(negated, words)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole config.rc. `path` is only its name in messages."""

    path: str
    lines: tuple[Line, ...]
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """The exact text."""
        return "".join([line.text for line in self.lines])

    @property
    def firsts(self) -> tuple[Block, ...]:
        """The first block of every service and instance, in file order: of one that stands there again, the one that counts."""
        found = {block.title: block for block in reversed(self.blocks)}
        return tuple(reversed(found.values()))

    def find(self, title: Title) -> Block | None:
        """The first block of that service and instance, switched off or not."""
        for block in self.blocks:
            if (block.name, block.instance) == (title.service, title.instance):
                return block
        return None

    def only(self, title: Title) -> Block | None:
        """The same, where it matters that there is no other: Invalid if it stands again."""
        found = [block for block in self.blocks if (block.name, block.instance) == (title.service, title.instance)]
        if len(found) > 1:
            first = found[0].lines[0].number
            again = [f"{self.path}:{block.lines[0].number}: service {title} stands here again" for block in found[1:]]
            raise Invalid(f"service {title}: it stands in line {first} already", f"edit {self.path}", again)
        return found[0] if found else None

    def section(self, title: Title) -> Block:
        """The same, or Failure where it is missing."""
        block = self.find(title)
        if block is None:
            raise Failure(f"{self.path}: {title}: No matching section found", "service list")
        return block


def read(path: str | os.PathLike[str] = PATH) -> Document:
    """Read and parse a file. Failure if it cannot be read, Invalid (with every FILE:LINE) if it has errors in form; both
    have a remedy if it is the node's own."""
    name = os.fspath(path)
    return parse(load(name), name, hint="config check" if name == PATH else "")


def parse(text: str, path: str = PATH, *, hint: str = "") -> Document:
    """The document of a text, or Invalid with all its errors in form. Unknown directives are `rc.check`'s matter."""
    document, problems = scan(text, path)
    if problems:
        raise invalid(path, [f"{path}:{number}: {problem}" for number, problem in problems], hint)
    return document


def scan(text: str, path: str = PATH) -> tuple[Document, list[tuple[int, str]]]:
    """The document of any text, with its errors in form by line number; for who must go on in spite of them.

    A quote that is not closed then ends with its line, and a header that names no service opens a block without name.
    """
    lines = []
    problems = []
    unclean = bool(_foreign(text))
    for number, part in enumerate(_parts(text), 1):
        words = split(part)
        if words is None:
            words, problem = explain(part)
            problems.append((number, problem))
        if unclean and (problem := _foreign(part)):
            problems.append((number, problem))
        lines.append(Line(number, part, words))
    blocks, misnamed = _blocks(lines)
    return Document(path, tuple(lines), blocks), sorted(problems + misnamed)


def load(path: str | os.PathLike[str] = PATH) -> str:
    """The text of a file, every byte of it: bytes that are not UTF-8 are kept as what `scan` reports them by."""
    name = os.fspath(path)
    try:
        if os.path.exists(name) and not os.path.isfile(name):
            raise Failure(f"{name}: not read: it is {'a directory' if os.path.isdir(name) else 'not a regular file'}")
        with open(name, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise Failure(f"{name}: not read: {error.strerror}", "config restore" if name == PATH else "") from None
    except ValueError as error:
        raise Failure(f"{name!r}: not read: {error}") from None


def invalid(path: str, problems: list[str], hint: str = "") -> Invalid:
    """The error that carries these problems."""
    return Invalid(f"{path}: {len(problems)} {'error' if len(problems) == 1 else 'errors'}", hint, problems)


def affirms(negated: bool, words: tuple[str, ...]) -> bool:
    """Whether the line of a flag, with these words after its key, switches it on."""
    return not negated and words[:1] not in [(word,) for word in _FALSE]


def heading(words: tuple[str, ...]) -> tuple[str, ...]:
    """A header's words in today's spelling: ("service", NAME, …), without `no`; () if the line is no header.

    `interface` counts as one here; only `_blocks` knows whether it stands in a wg block.
    """
    rest = words[1:] if words[:1] == ("no",) else words
    if rest[:1] == ("interface",):
        return ("service", "network", *rest[1:])
    return ("service", *rest[1:]) if rest[:1] in (("service",), ("section",)) else ()


def _blocks(lines: list[Line]) -> tuple[tuple[Block, ...], list[tuple[int, str]]]:
    """The blocks of all lines, and the headers that do not name a service."""
    blocks: list[Block] = []
    problems = []
    opened, first, last = ("system", "", True), -1, -1
    for index, line in enumerate(lines):
        if not line.words:
            continue
        if line.words[0] in _HEADS and (names := heading(line.words)) and not _belongs(line.words, opened[0]):
            if first >= 0:
                blocks.append(Block(*opened, tuple(lines[first : last + 1])))
            name, instance, problem = _named(names[1:])
            if problem:
                problems.append((line.number, problem))
            opened, first = (name, instance, line.words[0] != "no"), index
        elif first < 0:
            first = index
        last = index
    if first >= 0:
        blocks.append(Block(*opened, tuple(lines[first : last + 1])))
    return tuple(blocks), problems


def _belongs(words: tuple[str, ...], service: str) -> bool:
    return service == "wg" and (words[1:2] if words[0] == "no" else words[:1]) == ("interface",)


def _foreign(text: str) -> str:
    """What keeps a text from being written as UTF-8: a NUL, or a bad byte, which `load` reads as U+DC80 to U+DCFF."""
    if "\0" in text:
        return "a NUL byte"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        found = ord(text[error.start])
        return f"not UTF-8: byte 0x{found - 0xDC00:02x}" if 0xDC80 <= found <= 0xDCFF else "not UTF-8"
    return ""


def _named(names: tuple[str, ...]) -> tuple[str, str, str]:
    """Service and instance of a header, and what is wrong with it. Titles become file names: hence so strict."""
    if not names:
        return "", "", "the name of a service is missing"
    if len(names) > 2:
        return "", "", "too many words after a service and its instance"
    name, instance = (*names, "")[:2]
    if not (_NAME.issuperset(name) and name[:1].isalnum() and len(name) <= LONGEST):
        return "", "", f"{quote_word(name)} cannot be the name of a service"
    if len(names) == 2 and not (_INSTANCE.issuperset(instance) and instance[:1].isalnum() and len(instance) <= LONGEST):
        return "", "", f"{quote_word(instance)} cannot be the name of an instance"
    return name, instance, ""


def _parts(text: str) -> Iterator[str]:
    start, end = 0, text.find("\n") + 1
    while end:
        yield text[start:end]
        start, end = end, text.find("\n", end) + 1
    if start < len(text):
        yield text[start:]
