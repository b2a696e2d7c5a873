"""config.rc as a lossless document: its lines, the blocks that they make, and the words in each line.

Reading and writing back gives the same text, whatever it was. The rules of the language:

- A line ends with a newline; a carriage return before it belongs to the line's end. After a backslash right before its end
  the line goes on in the next one, but not in a comment. Words are separated by blanks (space, tab, carriage return,
  vertical tab, form feed); blanks at the beginning carry no meaning.
- `#` at the start of a word begins a comment. Single and double quotes group what is between them, also within a word
  and also nothing at all (`""`); there is no escape character. A quote that is not closed in its line is an error.
- `service NAME [INSTANCE]` opens a block, `no service NAME [INSTANCE]` a block that is switched off. What stands before
  the first one belongs to an implicit `service system`, and is one block with a later `service system`. Legacy spellings:
  `section NAME` for `service NAME`, `ip-address` and `ip addr` for `ip address`, and `interface NAME` for `service network
  NAME`, but not inside a `service wg` block, where it is a directive.
- The text is UTF-8. In comments any byte but NUL may stand, and is kept.

Words are taken apart and compared, never executed. Start reading at `parse`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.errors import Failure, Invalid, system_hint
from firmware.printable import quote_word
from firmware.rc.block import Block, Line, header_words
from firmware.rc.title import Title
from firmware.rc.words import is_continued, respell, split_line, split_unclosed

PATH = "/etc/config.rc"

#: how many characters the name of a service or an instance may have
LONGEST = 64

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_INSTANCE = _NAME | frozenset(".:@")
_HEADS = frozenset(("service", "section", "interface", "no"))


@dataclass(frozen=True, slots=True, order=True)
class FormError:
    """An error in form: the number of its line (from 1), and what is wrong there."""

    number: int
    text: str


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
    def first_blocks(self) -> tuple[Block, ...]:
        """The first block of every service and instance, in file order: of one that stands there again, the one that counts."""
        by_title = {block.title: block for block in reversed(self.blocks)}
        return tuple(reversed(by_title.values()))

    def find(self, title: Title) -> Block | None:
        """The first block of that service and instance, switched off or not."""
        for block in self.blocks:
            if (block.name, block.instance) == (title.service, title.instance):
                return block
        return None

    def find_unique(self, title: Title) -> Block | None:
        """The same, where it matters that there is no other: Invalid if it stands again."""
        blocks = [block for block in self.blocks if (block.name, block.instance) == (title.service, title.instance)]
        if len(blocks) > 1:
            first = blocks[0].lines[0].number
            again = [f"{self.path}:{block.lines[0].number}: service {title} stands here again" for block in blocks[1:]]
            raise Invalid(f"service {title}: it stands in line {first} already", f"edit {self.path}", again)
        return blocks[0] if blocks else None

    def require(self, title: Title) -> Block:
        """The same, or Failure where it is missing."""
        block = self.find(title)
        if block is None:
            raise Failure(f"{self.path}: {title}: No matching section found", "service list")
        return block


def read_tolerant(path: str | os.PathLike[str] = PATH) -> Document:
    """Read and parse a file in spite of errors in form. Failure if it cannot be read."""
    return parse_tolerant(read_text(path), os.fspath(path))[0]


def read(path: str | os.PathLike[str] = PATH) -> Document:
    """Read and parse a file. Failure if it cannot be read, Invalid (with every FILE:LINE) if it has errors in form; both
    have a remedy if it is the node's own."""
    name = os.fspath(path)
    return parse(read_text(name), name, hint="config check" if name == PATH else "")


def parse(text: str, path: str = PATH, *, hint: str = "") -> Document:
    """The document of a text, or Invalid with all its errors in form. Unknown directives are `rc.check`'s matter."""
    document, problems = parse_tolerant(text, path)
    if problems:
        raise invalid_document(path, [f"{path}:{problem.number}: {problem.text}" for problem in problems], hint)
    return document


def parse_tolerant(text: str, path: str = PATH) -> tuple[Document, list[FormError]]:
    """The document of any text, and its errors in form in the order of lines; for who must go on in spite of them.

    A quote that is not closed then ends with its line, and a header that names no service opens a block without name.
    """
    lines: list[Line] = []
    problems: list[FormError] = []
    is_clean = not _encoding_problem(text)
    for number, part in _logical_lines(text):
        words = split_line(part)
        if words is None:
            words, problem = split_unclosed(part)
            problems.append(FormError(number, problem))
        if not is_clean and (problem := _line_problem(part, words)):
            problems.append(FormError(number, problem))
        lines.append(Line(number, part, respell(words)))
    blocks, misnamed = _find_blocks(lines)
    return Document(path, tuple(lines), blocks), sorted(problems + misnamed)


def read_text(path: str | os.PathLike[str] = PATH) -> str:
    """The text of a file, every byte of it: bytes that are not UTF-8 are kept as what `parse_tolerant` reports them by."""
    name = os.fspath(path)
    try:
        if os.path.exists(name) and not os.path.isfile(name):
            what = "a directory" if os.path.isdir(name) else "not a regular file"
            raise Failure(f"{name}: not read: it is {what}", _remedy(name))
        with open(name, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise Failure(f"{name}: not read: {error.strerror}", system_hint(error) or _remedy(name)) from None
    except ValueError as error:
        raise Failure(f"{name!r}: not read: {error}") from None


def _remedy(name: str) -> str:
    """What to do about a config.rc that cannot be read, if it is the node's own: a restore puts a file in its place."""
    return "config restore" if name == PATH else ""


def invalid_document(path: str, problems: list[str], hint: str = "") -> Invalid:
    """The error that carries these problems."""
    return Invalid(f"{path}: {len(problems)} {'error' if len(problems) == 1 else 'errors'}", hint, problems)


def _find_blocks(lines: list[Line]) -> tuple[tuple[Block, ...], list[FormError]]:
    """The blocks of all lines, and the headers that do not name a service."""
    blocks: list[Block] = []
    problems: list[FormError] = []
    opened, first, last = ("system", "", True), -1, -1
    for index, line in enumerate(lines):
        if not line.words:
            continue
        if line.words[0] in _HEADS and (names := header_words(line.words)) and not _is_directive(line.words, opened[0]):
            if first >= 0:
                blocks.append(Block(*opened, tuple(lines[first : last + 1])))
            name, instance, problem = _parse_names(names[1:])
            if problem:
                problems.append(FormError(line.number, problem))
            opened, first = (name, instance, line.words[0] != "no"), index
        elif first < 0:
            first = index
        last = index
    if first >= 0:
        blocks.append(Block(*opened, tuple(lines[first : last + 1])))
    return _join_system(blocks), problems


def _join_system(blocks: list[Block]) -> tuple[Block, ...]:
    """What stands before the first header and the next `service system` as one block."""
    first = blocks[0] if blocks and not header_words(blocks[0].lines[0].words) else None
    system = ("system", "", True)
    later = next((block for block in blocks[1:] if (block.name, block.instance, block.enabled) == system), None)
    if first is None or later is None:
        return tuple(blocks)
    joined = Block(*system, (*first.lines, *later.lines))
    return (joined, *(block for block in blocks[1:] if block is not later))


def _is_directive(words: tuple[str, ...], service: str) -> bool:
    """Is what looks like a header a directive of the block that is open?"""
    return service == "wg" and (words[1:2] if words[0] == "no" else words[:1]) == ("interface",)


def _encoding_problem(text: str) -> str:
    """What keeps a text from being written as UTF-8: a NUL, or a bad byte, which `read_text` reads as U+DC80 to U+DCFF."""
    if "\0" in text:
        return "a NUL byte"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        return f"not UTF-8: byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "not UTF-8"
    return ""


def _line_problem(text: str, words: tuple[str, ...]) -> str:
    """The same for one line: a bad byte in a comment is nobody's business."""
    is_escaped = all(not "\ud800" <= char <= "\udfff" or "\udc80" <= char <= "\udcff" for char in text)
    return _encoding_problem(" ".join(words) if is_escaped and "\0" not in text else text)


def _parse_names(names: tuple[str, ...]) -> tuple[str, str, str]:
    """Service and instance of a header, and what is wrong with it. Titles become file names: hence so strict."""
    if not names:
        return "", "", "the name of a service is missing"
    if len(names) > 2:
        return "", "", "too many words after a service and its instance"
    name, instance = (*names, "")[:2]
    if not (_NAME.issuperset(name) and name[:1].isalnum() and len(name) <= LONGEST):
        service, _, instance = name.partition(".")
        parsed = service and instance and _INSTANCE.issuperset(name)
        meant = f" (did you mean 'service {service} {instance}'?)" if parsed else ""
        return "", "", f"{quote_word(name)} cannot be the name of a service{meant}"
    if len(names) == 2 and not (_INSTANCE.issuperset(instance) and instance[:1].isalnum() and len(instance) <= LONGEST):
        return "", "", f"{quote_word(instance)} cannot be the name of an instance"
    return name, instance, ""


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its number; those of which one goes on in the next are one."""
    begun: list[str] = []
    number = 0
    for number, part in enumerate(_split_lines(text), 1):
        begun.append(part)
        if not is_continued(part):
            yield number - len(begun) + 1, "".join(begun)
            begun = []
    if begun:
        yield number - len(begun) + 1, "".join(begun)


def _split_lines(text: str) -> Iterator[str]:
    start, end = 0, text.find("\n") + 1
    while end:
        yield text[start:end]
        start, end = end, text.find("\n", end) + 1
    if start < len(text):
        yield text[start:]
