"""`config get|add|del|set|show|check`: reads and edits /etc/config.rc.

`config get` is called by scripts all the time, so what it does not need is imported where it is needed.
"""

import sys
from collections.abc import Sequence

from firmware.errors import Usage
from firmware.operations import config_file
from firmware.printable import escape
from firmware.rc.document import PATH
from firmware.rc.title import Title


def get(argv: list[str], *, path: str = PATH) -> int:
    """Print the values of a directive, one line for each that counts; of a flag, on or off."""
    _refuse_options(argv)
    title, words = _title_and_words(argv, 1, "SERVICE[.INSTANCE] KEY")
    return _print("".join(" ".join(value) + "\n" for value in config_file.get_values(title, words, path=path)))


def assign(argv: list[str], *, path: str = PATH, lock: str = "") -> int:
    """`config set`: give a directive that stands in the block other values."""
    title, words = _title_and_words(argv, 1, "SERVICE[.INSTANCE] KEY VALUE…")
    config_file.set_values(title, words, path=path, lock=lock)
    return 0


def add(argv: list[str], *, path: str = PATH, lock: str = "") -> int:
    """`config add`: one more directive; `no KEY` is one, too. It makes the block where there is none."""
    if len(argv) == 1:
        _refuse_options(argv)
        config_file.add_values(Title.parse(argv[0]), (), path=path, lock=lock)
        return 0
    title, words = _title_and_words(argv, 1, "SERVICE[.INSTANCE] [KEY VALUE…]")
    config_file.add_values(title, words, path=path, lock=lock)
    return 0


def delete(argv: list[str], *, path: str = PATH, lock: str = "") -> int:
    """`config del`: the lines of a directive with that value; without a value, all of its lines; without a key, the block."""
    if len(argv) == 1:
        _refuse_options(argv)
        config_file.delete_block(Title.parse(argv[0]), path=path, lock=lock)
        return 0
    title, words = _title_and_words(argv, 1, "SERVICE[.INSTANCE] [KEY [VALUE…]]")
    config_file.delete_values(title, words, path=path, lock=lock)
    return 0


def show(argv: list[str], *, path: str = PATH) -> int:
    """Print config.rc, or one block of it; with --json, what it says."""
    words = [word for word in argv if word != "--json"]
    _refuse_options(words)
    if len(words) > 1:
        raise Usage("config show [SERVICE[.INSTANCE]] [--json]: other words are given")
    title = Title.parse(words[0]) if words else None
    if "--json" not in argv:
        return _print(config_file.read_text(title, path=path))
    import json

    from firmware.operations import config_blocks

    if title is not None:
        parsed: object = config_blocks.parse_block(title, path=path).json()
    else:
        parsed = [block.json() for block in config_blocks.parse_blocks(path=path)]
    text = json.dumps(parsed, indent=2, ensure_ascii=False)
    return _print(
        "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text) + "\n"
    )


def check(argv: list[str], *, path: str = PATH) -> int:
    """Say everything that is wrong with config.rc, or with another file of its kind."""
    _refuse_options(argv)
    if len(argv) > 1:
        raise Usage("config check [FILE]: other words are given")
    file = argv[0] if argv else path
    config_file.require_correct(file)
    for note in config_file.notes(file):
        print(note, file=sys.stderr)
    print(f"{file}: no errors", file=sys.stderr)
    return 0


def _title_and_words(argv: list[str], least: int, usage: str) -> tuple[Title, tuple[str, ...]]:
    """The service and the words after it, at least as many; the key may be given as one word, `"ip address"`."""
    _refuse_options(argv[: least + 1])
    if len(argv) <= least or not argv[1].split():
        raise Usage(f"{usage}: {'a word is missing' if len(argv) <= least else 'an empty key is given'}")
    return Title.parse(argv[0]), (*argv[1].split(), *argv[2:])


def _refuse_options(words: Sequence[str]) -> None:
    """Usage if one of them is an option: these verbs take none. A value may well begin with a dash."""
    for word in words:
        if word.startswith("-") and word != "-":
            raise Usage(f"{word}: unknown option")


def _print(text: str) -> int:
    """Write text of the file to stdout: a peer may have sent it, so control characters in it are written out."""
    mark, rest = text[: text.startswith("\ufeff")], text.removeprefix("\ufeff")
    printable = "\r\n".join(escape(part, keep="\n\t") for part in rest.split("\r\n"))
    sys.stdout.buffer.write((mark + printable).encode())
    sys.stdout.flush()
    return 0
