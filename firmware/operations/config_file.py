"""Reads and edits /etc/config.rc: what `config get|set|add|del|show|check` do.

`config get` is called by scripts all the time, so what it does not need is imported where it is needed.
"""

from collections.abc import Callable

from firmware.errors import Failure, Invalid, Refused, Usage, system_hint
from firmware.rc import document as rc
from firmware.rc.block import Block, switches_on
from firmware.rc.title import Title
from firmware.rc.words import respell

TYPE_CHECKING = False  # `typing` has it, too, but takes longer to load than all of our own modules here
if TYPE_CHECKING:
    from firmware.rc.check import DeclaredDirective


def get_values(title: Title, words: tuple[str, ...], *, path: str = rc.PATH) -> list[tuple[str, ...]]:
    """The values of the directive whose key `words` are, one tuple for each line that counts; of a flag, on or off.

    Failure if config.rc has no such block, or the block no such directive.
    """
    words = respell(words)
    block, key = require_block(rc.read(path), title), " ".join(words)
    if key == "autostart":
        return [("on" if block.flag(key, True) else "off",)]
    values = block.values(key)
    is_flag = values[-1:] == [()] or (not values and block.occurrences(key) != [])
    if len(values) > 1 or is_flag:
        declared = _find_declaration(title.service, words)
        if is_flag and declared is not None and not declared.value.problem(()):
            values = [("on",) if values else ("off",)]
        elif declared is not None and not declared.many:
            values = values[-1:]
    if not values:
        raise Failure(f"{path}: {block.title}.{key}: No matching variable", f"config show {block.title}")
    return values


def set_values(title: Title, words: tuple[str, ...], *, path: str = rc.PATH, lock: str = "") -> None:
    """Give a directive other values: `words` are its key and its values. Invalid if the service would not take them."""
    from firmware.rc import edit

    def change(old: rc.Document) -> rc.Document:
        block = require_block(old, title, f"config add {title} makes it")
        key, values = _split_words(block, words)
        if key == "autostart":
            if not values:
                raise Usage(f"{block.title}.autostart: a value is missing: on|off")
            return edit.set_autostart(old, title, switches_on(values))
        return edit.set_values(old, title, key, values)

    _edit(change, path, lock)


def add_values(title: Title, words: tuple[str, ...], *, path: str = rc.PATH, lock: str = "") -> None:
    """Add one more directive; `no KEY` is one, too. Failure if it is there, or may not stand there twice. A block that is not
    there is added at the end, and that is all if there are no words."""
    from firmware.rc import edit

    negated, words = _split_no(words)

    def change(old: rc.Document) -> rc.Document:
        block = old.find(title)
        if block is None:
            old = _add_block(old, title)
            block = old.require(title)
        elif not words:
            raise Failure(f"{path}: {title}: not added: it is there already", f"config show {title}")
        if not words:
            return old
        key, values = _split_words(block, words, negated)
        if key == "autostart":
            return edit.set_autostart(old, title, (not negated and switches_on(values)))
        if not negated:
            _require_addable(block, key, values)
        return edit.add_directive(old, title, key, values, negated=negated)

    _edit(change, path, lock)


def delete_values(title: Title, words: tuple[str, ...], *, path: str = rc.PATH, lock: str = "") -> None:
    """Delete the lines of a directive with that value; without a value, all of its lines. Failure if there are none."""
    from firmware.rc import edit

    _, words = _split_no(words)
    key, values = split_key(title.service, words)

    def change(old: rc.Document) -> rc.Document:
        require_block(old, title)
        return edit.delete_directive(old, title, key, values)

    _edit(change, path, lock)


def delete_block(title: Title, *, path: str = rc.PATH, lock: str = "") -> None:
    """Delete the whole block of a service. Refused while it runs: nobody could say any more how it is stopped."""
    from firmware.locks import hold, service_lock
    from firmware.rc import edit
    from firmware.services import applied, states

    def change(old: rc.Document) -> rc.Document:
        require_block(old, title)
        return edit.replace_block(old, title, "")

    name = str(title)
    with hold(service_lock(name)):
        if not states.service_state(name).is_stopped:
            raise Refused(f"{path}: {name}: not deleted: the service is not stopped", f"service {name} stop")
        _edit(change, path, lock)
        applied.forget(name)


def read_text(title: Title | None = None, *, path: str = rc.PATH) -> str:
    """config.rc, or one block of it, to the byte."""
    document = rc.read(path)
    return document.text if title is None else require_block(document, title).text


def require_correct(path: str = rc.PATH) -> None:
    """Invalid, with everything that is wrong, if config.rc or another file of its kind is."""
    from firmware.rc.check import text_problems
    from firmware.services import catalog

    if problems := text_problems(rc.read_text(path), path, catalog.find, catalog.names()):
        raise rc.invalid_document(path, problems)


def notes(path: str = rc.PATH) -> list[str]:
    """What is no error in it, but has no effect in this firmware, as FILE:LINE: …"""
    from firmware.rc.check import text_notes
    from firmware.services import catalog

    return text_notes(rc.read_text(path), path, catalog.find)


def split_key(service: str, words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The key, as the service declares it, or else the first word, and the values after it."""
    words = respell(words)
    declared = _find_declaration(service, words)
    count = len(declared.key.split()) if declared is not None else 1
    return " ".join(words[:count]), words[count:]


def require_block(document: rc.Document, title: Title, hint: str = "service list") -> Block:
    """The block; Usage if there is no such service, Failure if config.rc has no block of it."""
    if document.find(title) is None:
        from firmware.operations.service_list import require_service

        require_service(str(title))
        raise Failure(f"{document.path}: {title}: No matching section found", hint)
    return document.require(title)


def _add_block(document: rc.Document, title: Title) -> rc.Document:
    """The document with an empty block of a service at its end; Usage if there is none of that name or with that instance."""
    from firmware.operations.service_list import require_service
    from firmware.rc import edit
    from firmware.rc.check import instance_problem

    service = require_service(str(title))
    if problem := instance_problem(title, service):
        raise Usage(f"{title}: {problem}")
    return edit.replace_block(document, title, f"service {title.service} {title.instance}".rstrip() + "\n")


def _split_no(words: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    negated = words[:1] == ("no",) and len(words) > 1
    return negated, words[1:] if negated else words


def _find_declaration(name: str, words: tuple[str, ...]) -> "DeclaredDirective | None":
    from firmware.rc.check import directive_index, find_directive
    from firmware.services import catalog

    service = catalog.find(name)
    return find_directive(directive_index(service), words) if service is not None else None


def _split_words(block: Block, words: tuple[str, ...], negated: bool = False) -> tuple[str, tuple[str, ...]]:
    """The key and the values that `words` are; Invalid if the service would not accept them."""
    from firmware.rc.check import directive_index, find_directive, unknown_directive_message
    from firmware.services import catalog

    words = respell(words)
    service = catalog.find(block.name)
    if service is None:
        raise Invalid(f"unknown service {block.name!r}: its directives are not known")
    declared = find_directive(directive_index(service), words)
    if declared is None:
        raise Invalid(unknown_directive_message(words, directive_index(service), block.title))
    values = words[len(declared.key.split()) :]
    problem = declared.value.problem(values) if values or not negated else ""
    if problem and not values:
        raise Usage(f"{block.title}.{declared.key}: {problem}")
    if problem:
        raise Invalid(f"{declared.key!r} in service {block.title}: {problem}")
    return declared.key, values


def _require_addable(block: Block, key: str, values: tuple[str, ...]) -> None:
    """Failure if one more of it would mean nothing, or would silently replace the one that is there."""
    declared = _find_declaration(block.name, tuple(key.split()))
    present = block.values(key)
    if values in present:
        raise Failure(f"{block.title}.{key}: not added: it is there already")
    if present and declared is not None and not declared.many:
        raise Failure(f"{block.title}.{key}: not added: it has a value already", "config set gives it another one")


def _edit(change: Callable[[rc.Document], rc.Document], path: str, lock: str) -> None:
    """Replace the document by what `change` makes of it, under the lock that makes edits wait for each other."""
    from pathlib import Path

    from firmware.locks import CONFIG, hold
    from firmware.rc import edit

    lock_path = Path(lock) if lock else CONFIG
    try:
        with hold(lock_path):
            old = rc.read(path)
            new = change(old)
            if new is not old:
                edit.write(new, path)
    except OSError as error:
        why = f"{path}: not edited: {error.filename or lock_path}: {error.strerror}"
        raise Failure(why, system_hint(error)) from None
