"""`config get|add|del|set|show|check`: reads and edits /etc/config.rc.

`config get` is called by scripts all the time, so what it does not need is imported where it is needed.
"""

import sys
from collections.abc import Callable, Sequence

from firmware.errors import Failure, Invalid, Usage, system_hint
from firmware.rc import document as rc

TYPE_CHECKING = False  # `typing` has it, too, but takes longer to load than all of our own modules here
if TYPE_CHECKING:
    from firmware.rc.check import Declaration


def get(argv: list[str], *, path: str = rc.PATH) -> int:
    """Print the values of a directive, one line for each that counts; of a flag, on or off."""
    _without_options(argv)
    name, instance, words = _named(argv, 1, "SERVICE[.INSTANCE] KEY")
    block = rc.read(path).section(name, instance)
    key = " ".join(words)
    if key == "autostart":
        return _print("on\n" if block.flag(key, True) else "off\n")
    values = block.values(key)
    flag = values[-1:] == [()] or (not values and block.matching(key) != [])
    if len(values) > 1 or flag:
        declared = _declared(name, words)
        if flag and declared is not None and not declared.value.problem(()):
            values = [("on",) if values else ("off",)]
        elif declared is not None and not declared.many:
            values = values[-1:]
    if not values:
        raise Failure(f"{path}: {block.title}.{key}: No matching variable", f"config show {block.title}")
    return _print("".join(" ".join(value) + "\n" for value in values))


def assign(argv: list[str], *, path: str = rc.PATH, lock: str = "") -> int:
    """`config set`: give a directive that stands in the block other values."""
    from firmware.rc import edit

    name, instance, words = _named(argv, 1, "SERVICE[.INSTANCE] KEY VALUE…")

    def change(old: rc.Document) -> rc.Document:
        key, values = _checked(old.section(name, instance), words)
        if key == "autostart":
            if not values:
                raise Usage(f"{old.section(name, instance).title}.autostart: a value is missing: on|off")
            return edit.autostart(old, name, instance, rc.affirms(False, values))
        return edit.assign(old, name, instance, key, values)

    return _edit(change, path, lock)


def add(argv: list[str], *, path: str = rc.PATH, lock: str = "") -> int:
    """`config add`: one more directive; `no KEY` is one, too."""
    from firmware.rc import edit

    name, instance, words = _named(argv, 1, "SERVICE[.INSTANCE] KEY VALUE…")
    negated, words = _negated(words)

    def change(old: rc.Document) -> rc.Document:
        block = old.section(name, instance)
        key, values = _checked(block, words, negated)
        if key == "autostart":
            return edit.autostart(old, name, instance, rc.affirms(negated, values))
        if not negated:
            _addable(block, key, values)
        return edit.add(old, name, instance, key, values, negated=negated)

    return _edit(change, path, lock)


def delete(argv: list[str], *, path: str = rc.PATH, lock: str = "") -> int:
    """`config del`: the lines of a directive with that value; without a value, all of its lines."""
    from firmware.rc import edit

    name, instance, words = _named(argv, 1, "SERVICE[.INSTANCE] KEY [VALUE…]")
    _, words = _negated(words)
    declared = _declared(name, words)
    count = len(declared.key.split()) if declared is not None else 1
    key, values = " ".join(words[:count]), words[count:]
    return _edit(lambda old: edit.delete(old, name, instance, key, values), path, lock)


def show(argv: list[str], *, path: str = rc.PATH) -> int:
    """Print config.rc, or one block of it, to the byte; with --json, what it says."""
    words = [word for word in argv if word != "--json"]
    _without_options(words)
    if len(words) > 1:
        raise Usage("config show [SERVICE[.INSTANCE]] [--json]: other words are given")
    document = rc.read(path)
    chosen = document.section(*_title(words[0])) if words else None
    if "--json" not in argv:
        return _print(chosen.text if chosen is not None else document.text)
    import json

    parsed = _json(chosen) if chosen is not None else [_json(block) for block in document.blocks]
    return _print(json.dumps(parsed, indent=2, ensure_ascii=False) + "\n")


def check(argv: list[str], *, path: str = rc.PATH) -> int:
    """Say everything that is wrong with config.rc, or with another file of its kind."""
    _without_options(argv)
    if len(argv) > 1:
        raise Usage("config check [FILE]: other words are given")
    from firmware.rc.check import text_problems
    from firmware.services import catalog

    file = argv[0] if argv else path
    found = text_problems(rc.load(file), file, catalog.find, catalog.NAMES)
    if found:
        raise rc.invalid(file, found)
    print(f"{file}: no errors", file=sys.stderr)
    return 0


def _named(argv: list[str], least: int, words: str) -> tuple[str, str, tuple[str, ...]]:
    """Service, instance and the words after them; the key may be given as one word, `"ip address"`."""
    _without_options(argv[: least + 1])
    if len(argv) <= least or not argv[1].split():
        raise Usage(f"{words}: {'a word is missing' if len(argv) <= least else 'an empty key is given'}")
    return (*_title(argv[0]), (*argv[1].split(), *argv[2:]))


def _without_options(words: Sequence[str]) -> None:
    """Usage if one of them is an option: these verbs take none. A value may well begin with a dash."""
    for word in words:
        if word.startswith("-") and word != "-":
            raise Usage(f"{word}: unknown option")


def _negated(words: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    negated = words[0] == "no" and len(words) > 1
    return negated, words[1:] if negated else words


def _title(text: str) -> tuple[str, str]:
    name, _, instance = text.partition(".")
    return name, instance


def _declared(name: str, words: tuple[str, ...]) -> "Declaration | None":
    from firmware.rc.check import index, lookup
    from firmware.services import catalog

    service = catalog.find(name)
    return lookup(index(service), words) if service is not None else None


def _checked(block: rc.Block, words: tuple[str, ...], negated: bool = False) -> tuple[str, tuple[str, ...]]:
    """The key and the values that words from the command line name; Invalid if the service would not accept them."""
    from firmware.rc.check import index, lookup, unknown
    from firmware.services import catalog

    service = catalog.find(block.name)
    if service is None:
        raise Invalid(f"unknown service {block.name!r}: its directives are not known")
    declared = lookup(index(service), words)
    if declared is None:
        raise Invalid(unknown(words, index(service), block.title))
    values = words[len(declared.key.split()) :]
    problem = declared.value.problem(values) if values or not negated else ""
    if problem and not values:
        raise Usage(f"{block.title}.{declared.key}: {problem}")
    if problem:
        raise Invalid(f"{declared.key!r} in service {block.title}: {problem}")
    return declared.key, values


def _addable(block: rc.Block, key: str, values: tuple[str, ...]) -> None:
    """Failure if one more of it would mean nothing, or would silently replace the one that is there."""
    declared = _declared(block.name, tuple(key.split()))
    there = block.values(key)
    if values in there:
        raise Failure(f"{block.title}.{key}: not added: it is there already")
    if there and declared is not None and not declared.many:
        raise Failure(f"{block.title}.{key}: not added: it has a value already", "config set gives it another one")


def _edit(change: Callable[[rc.Document], rc.Document], path: str, lock: str) -> int:
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
        raise Failure(
            f"{path}: not edited: {error.filename or lock_path}: {error.strerror}", system_hint(error)
        ) from None
    return 0


def _json(block: rc.Block) -> dict[str, object]:
    return {
        "service": block.name,
        "instance": block.instance,
        "enabled": block.enabled,
        "line": block.lines[0].number,
        "directives": [_json_line(block.name, line) for line in block.directives],
    }


def _json_line(name: str, line: rc.Line) -> dict[str, object]:
    negated = line.words[0] == "no"
    words: Sequence[str] = line.words[1:] if negated else line.words
    declared = _declared(name, tuple(words))
    count = len(declared.key.split()) if declared is not None else 1
    return {"line": line.number, "key": " ".join(words[:count]), "values": list(words[count:]), "negated": negated}


def _print(text: str) -> int:
    """Write text to stdout as the bytes that it is in the file."""
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.flush()
    return 0
