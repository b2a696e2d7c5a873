"""Whether the directives of a config.rc are what their services declare: every error in one go, as FILE:LINE: …"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware.printable import quote_word
from firmware.rc.document import PATH, Block, Document, scan
from firmware.rc.values import Value

#: beyond this many errors no known words are looked up: a file of junk shall be answered quickly, too
SUGGESTIONS = 100


class Declaration(Protocol):
    """What is needed of a directive's declaration (`services.definition.Directive`)."""

    @property
    def key(self) -> str: ...
    @property
    def value(self) -> Value: ...
    @property
    def many(self) -> bool: ...


class Declared(Protocol):
    """What is needed of a service's declaration (`services.definition.Service`)."""

    @property
    def directives(self) -> Sequence[Declaration]: ...
    @property
    def instances(self) -> str: ...


Known = Mapping[tuple[str, ...], Declaration]
Find = Callable[[str], Declared | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """An error: its line, its text, and the words that may have been meant."""

    number: int
    text: str
    wrong: str = ""
    known: tuple[str, ...] = ()


def text_problems(text: str, path: str, find_service: Find, names: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with a config.rc, whatever its text is. `names` are the services for suggestions."""
    document, form = scan(text, path)
    broken = {number for number, _ in form}
    directives = [problem for problem in _document(document, find_service, names) if problem.number not in broken]
    return _rendered(path, sorted([*(Problem(*one) for one in form), *directives], key=lambda problem: problem.number))


def problems(document: Document, find_service: Find, names: Sequence[str] = ()) -> list[str]:
    """Unknown and repeated services, unknown and malformed directives of a document, in the order of lines."""
    return _rendered(document.path, _document(document, find_service, names))


def block_problems(block: Block, service: Declared, path: str = PATH) -> list[str]:
    """The same for one block of a service."""
    return _rendered(path, [*_instance(block, service), *_directives(block, index(service))])


def peer_problems(block: Block, service: Declared, path: str = PATH) -> list[str]:
    """The directives of a block that a peer may not set, with any value or with none."""
    known = index(service)
    found = []
    for line in block.directives:
        directive = lookup(known, positive(line.words))
        if directive is not None and not directive.value.from_peer:
            found.append(Problem(line.number, f"a peer may not set {directive.key!r} in service {block.title}"))
    return _rendered(path, found)


def index(service: Declared) -> Known:
    """A service's directives by the words of their keys."""
    return {tuple(directive.key.split()): directive for directive in service.directives}


def lookup(known: Known, words: tuple[str, ...]) -> Declaration | None:
    """The directive that begins with these words; of `ip` and `ip address` the longer one."""
    return known.get(words[:2]) or known.get(words[:1])


def positive(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a directive without `no`."""
    return words[1:] if words[0] == "no" else words


def unknown(words: tuple[str, ...], known: Known, title: str) -> str:
    """The message about a directive that the service `title` does not know, with the nearest that it knows."""
    return _said(_unknown(0, words, known, title))


def _document(document: Document, find_service: Find, names: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    indexes: dict[str, Known] = {}
    for block in document.blocks:
        number = block.lines[0].number
        service = find_service(block.name)
        if service is None:
            yield Problem(number, f"unknown service {quote_word(block.name)}", block.name, tuple(names))
            continue
        if first.setdefault(block.title, number) != number:
            yield Problem(number, f"service {block.title} stands here again (first in line {first[block.title]})")
        yield from _instance(block, service)
        if block.name not in indexes:
            indexes[block.name] = index(service)
        yield from _directives(block, indexes[block.name])


def _instance(block: Block, service: Declared) -> Iterator[Problem]:
    if block.instance and service.instances == "no":
        yield Problem(
            block.lines[0].number, f"service {block.name} has no instances, but {quote_word(block.instance)} is given"
        )
    if not block.instance and service.instances == "required":
        yield Problem(block.lines[0].number, f"service {block.name} needs an instance")


def _directives(block: Block, known: Known) -> Iterator[Problem]:
    for line in block.directives:
        words = positive(line.words)
        directive = lookup(known, words)
        if directive is None:
            yield _unknown(line.number, words, known, block.title)
            continue
        values = words[len(directive.key.split()) :]
        if values or line.words[0] != "no":
            problem = directive.value.problem(values)
            if problem:
                yield Problem(line.number, f"{directive.key!r} in service {block.title}: {problem}")


def _unknown(number: int, words: tuple[str, ...], known: Known, title: str) -> Problem:
    if not words:
        return Problem(number, f"a directive is missing after 'no' in service {title}")
    family = tuple(" ".join(key) for key in known if key[0] == words[0])
    wrong = " ".join(words[:2]) if family else words[0]
    keys = family or ("service", *(" ".join(key) for key in known))
    return Problem(number, f"unknown directive {quote_word(wrong)} in service {title}", wrong, keys)


def _rendered(path: str, found: Iterable[Problem]) -> list[str]:
    return [
        f"{path}:{problem.number}: {_said(problem) if count < SUGGESTIONS else problem.text}"
        for count, problem in enumerate(found)
    ]


def _said(problem: Problem) -> str:
    from difflib import get_close_matches

    near = get_close_matches(problem.wrong[:80], problem.known, 1) if problem.wrong else []
    return f"{problem.text} (did you mean {near[0]!r}?)" if near else problem.text
