"""Whether the directives of a config.rc are what their services declare: every error in one go, as FILE:LINE: …"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware.printable import quote_word
from firmware.rc.block import Block
from firmware.rc.document import PATH, Document, parse_tolerant
from firmware.rc.title import Title
from firmware.rc.values import ValueKind

#: beyond this many errors no known words are looked up: a file of junk shall be answered quickly, too
MAX_SUGGESTIONS = 100


class DeclaredDirective(Protocol):
    """What is needed of a directive's declaration (`services.definition.Directive`)."""

    @property
    def key(self) -> str: ...
    @property
    def value(self) -> ValueKind: ...
    @property
    def many(self) -> bool: ...
    @property
    def local(self) -> bool: ...
    @property
    def not_supported(self) -> str: ...
    @property
    def read_by(self) -> str: ...


class DeclaredService(Protocol):
    """What is needed of a service's declaration (`services.definition.Service`)."""

    @property
    def directives(self) -> Sequence[DeclaredDirective]: ...
    @property
    def instances(self) -> str: ...
    @property
    def problems(self) -> Callable[[Block, Document], Sequence[tuple[int, str]]] | None: ...
    @property
    def warnings(self) -> Callable[[Block, Document], Sequence[tuple[int, str]]] | None: ...
    @property
    def is_runnable(self) -> bool: ...


DirectiveIndex = Mapping[tuple[str, ...], DeclaredDirective]
#: the words of a block's header and of each of its directives
Statements = Sequence[tuple[str, ...]]
FindService = Callable[[str], DeclaredService | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """An error: its line, its text, and the words that may have been meant."""

    number: int
    text: str
    wrong: str = ""
    known: tuple[str, ...] = ()


def text_problems(text: str, path: str, find_service: FindService, names: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with a config.rc, whatever its text is. `names` are the services for suggestions."""
    document, form_errors = parse_tolerant(text, path)
    broken = {error.number for error in form_errors}
    directives = [
        problem for problem in _document_problems(document, find_service, names) if problem.number not in broken
    ]
    problems = [*(Problem(error.number, error.text) for error in form_errors), *directives]
    if not document.blocks:
        problems.append(Problem(1, "it names no service: a node starts nothing with it"))
    return _format_problems(path, sorted(problems, key=lambda problem: problem.number))


def document_problems(document: Document, find_service: FindService, names: Sequence[str] = ()) -> list[str]:
    """Unknown and repeated services, unknown and malformed directives of a document, in the order of lines. Nobody reads what
    is switched off, so nothing in it is an error."""
    return _format_problems(document.path, _document_problems(document, find_service, names))


def block_problems(
    block: Block, service: DeclaredService, path: str = PATH, document: Document | None = None
) -> list[str]:
    """The same for one block of a service; without the document only what can be told from the block alone."""
    found = [*_instance_problems(block, service), *_directive_problems(block, directive_index(service))]
    if document is not None and not found:
        found = _joint_problems(block, service, document)
    return _format_problems(path, found)


def text_notes(text: str, path: str, find_service: FindService) -> list[str]:
    """What is no error in a config.rc, but has no effect in this firmware."""
    document, _ = parse_tolerant(text, path)
    return [f"{path}:{number}: {note}" for number, note in sorted(set(_notes(document, find_service)))]


def block_notes(block: Block, document: Document, service: DeclaredService) -> list[str]:
    """What in one block is no error, but does not do what its author expects. Its directives are valid."""
    found = service.warnings(block, document) if service.warnings else []
    return [f"{document.path}:{number}: {note}" for number, note in found]


def _notes(document: Document, find_service: FindService) -> Iterator[tuple[int, str]]:
    known = {block.name: find_service(block.name) for block in document.blocks if block.enabled}
    running = {name for name, service in known.items() if service is not None and service.is_runnable}
    for block in document.blocks:
        service = known.get(block.name) if block.enabled else None
        if service is None:
            continue
        if not service.is_runnable:
            yield block.lines[0].number, f"service {block.title}: this firmware has nothing to run for it"
        index = directive_index(service)
        if service.warnings and not any(_directive_problems(block, index)):
            yield from service.warnings(block, document)
        for line in block.directives:
            directive = find_directive(index, without_no(line.words))
            if directive is not None and directive.read_by and directive.read_by not in running:
                where = "this firmware does not run" if directive.read_by in known else "config.rc does not have"
                yield line.number, f"{directive.key!r} is read by service {directive.read_by}, which {where}"


#: what a terminal obeys, but for the tab
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def peer_problems(block: Block, service: DeclaredService, path: str = PATH) -> list[str]:
    """The directives of a block that a peer may not set, with any value or with none; and control characters, also in
    comments: a terminal on which somebody looks at the file would obey them."""
    known = directive_index(service)
    problems = [
        Problem(line.number, f"a peer may not send control characters: {quote_word(line.text.strip())}")
        for line in block.lines
        if _CONTROL.search(line.text.rstrip("\r\n"))
    ]
    for line in block.directives:
        directive = find_directive(known, without_no(line.words))
        if directive is not None and not directive.value.from_peer:
            problems.append(Problem(line.number, f"a peer may not set {directive.key!r} in service {block.title}"))
    return _format_problems(path, problems)


def local_problems(new: Statements, old: Statements, service: DeclaredService) -> list[str]:
    """The directives that are each node's own and say something else in `new`, what a peer sends, than in `old`, what is here."""
    problems = []
    for directive in service.directives:
        theirs, ours = (_statements_of(directive.key, block) for block in (new, old))
        if directive.local and theirs != ours:
            here = f"here it is {quote_word('; '.join(ours))}" if ours else "here there is none"
            problems.append(f"{directive.key!r} is each node's own, and no push changes it: {here}")
    return problems


def _statements_of(key: str, block: Statements) -> list[str]:
    wanted = tuple(key.split())
    return [" ".join(words) for words in block[1:] if without_no(words)[: len(wanted)] == wanted]


def directive_index(service: DeclaredService) -> DirectiveIndex:
    """A service's directives by the words of their keys."""
    return {tuple(directive.key.split()): directive for directive in service.directives}


def instance_problem(title: Title, service: DeclaredService) -> str:
    """What is wrong with the instance of a title, or with having none; "" if nothing is."""
    if title.instance and service.instances == "no":
        return f"service {title.service} has no instances, but {quote_word(title.instance)} is given"
    if not title.instance and service.instances == "required":
        return f"service {title.service} needs an instance"
    return ""


def find_directive(known: DirectiveIndex, words: tuple[str, ...]) -> DeclaredDirective | None:
    """The directive that begins with these words; of `ip` and `ip address` the longer one."""
    return known.get(words[:2]) or known.get(words[:1])


def without_no(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a directive without `no`."""
    return words[1:] if words[0] == "no" else words


def unknown_directive_message(words: tuple[str, ...], known: DirectiveIndex, title: str) -> str:
    """The message about a directive that the service `title` does not know, with the nearest that it knows."""
    return _format_problem(_unknown_directive(0, words, known, title))


def _document_problems(document: Document, find_service: FindService, names: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    indexes: dict[str, DirectiveIndex] = {}
    for block in document.blocks:
        number = block.lines[0].number
        service = find_service(block.name)
        if service is None and not block.enabled:
            continue
        if service is None:
            yield Problem(number, f"unknown service {quote_word(block.name)}", block.name, tuple(names))
            continue
        if first.setdefault(block.title, number) != number:
            yield Problem(number, f"service {block.title} stands here again (first in line {first[block.title]})")
        if not block.enabled:
            continue
        yield from _instance_problems(block, service)
        if block.name not in indexes:
            indexes[block.name] = directive_index(service)
        found = list(_directive_problems(block, indexes[block.name]))
        yield from found or _joint_problems(block, service, document)


def _joint_problems(block: Block, service: DeclaredService, document: Document) -> list[Problem]:
    """What is wrong with lines together, and with those of other blocks."""
    return [Problem(*one) for one in service.problems(block, document)] if service.problems else []


def _instance_problems(block: Block, service: DeclaredService) -> Iterator[Problem]:
    if problem := instance_problem(Title(block.name, block.instance), service):
        yield Problem(block.lines[0].number, problem)


def _directive_problems(block: Block, known: DirectiveIndex) -> Iterator[Problem]:
    for line in block.directives:
        words = without_no(line.words)
        directive = find_directive(known, words)
        if directive is None:
            yield _unknown_directive(line.number, words, known, block.title)
            continue
        values = words[len(directive.key.split()) :]
        if directive.not_supported and line.words[0] != "no" and values != ("off",):
            yield Problem(
                line.number, f"{directive.key!r} in service {block.title}: not supported: {directive.not_supported}"
            )
            continue
        if values or line.words[0] != "no":
            problem = directive.value.problem(values)
            if problem:
                yield Problem(line.number, f"{directive.key!r} in service {block.title}: {problem}")


def _unknown_directive(number: int, words: tuple[str, ...], known: DirectiveIndex, title: str) -> Problem:
    if not words:
        return Problem(number, f"a directive is missing after 'no' in service {title}")
    family = tuple(" ".join(key) for key in known if key[0] == words[0])
    wrong = " ".join(words[:2]) if family else words[0]
    keys = family or ("service", *(" ".join(key) for key in known))
    return Problem(number, f"unknown directive {quote_word(wrong)} in service {title}", wrong, keys)


def _format_problems(path: str, problems: Iterable[Problem]) -> list[str]:
    return [
        f"{path}:{problem.number}: {_format_problem(problem) if count < MAX_SUGGESTIONS else problem.text}"
        for count, problem in enumerate(problems)
    ]


def _format_problem(problem: Problem) -> str:
    from difflib import get_close_matches

    near = get_close_matches(problem.wrong[:80], problem.known, 1) if problem.wrong else []
    return f"{problem.text} (did you mean {near[0]!r}?)" if near else problem.text
