"""Edits of a document. Each gives a new document in which every other line is the same to the byte.

They know nothing of what services declare; whoever edits checks key and value first (`rc.check`).
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from firmware import files
from firmware.errors import Failure, Invalid, system_hint
from firmware.rc.block import Block, Line, Occurrence, header_words, is_on
from firmware.rc.document import PATH, Document, parse
from firmware.rc.title import Title
from firmware.rc.words import BOM, quote_words, spans

INDENT = "\t"


def set_values(document: Document, title: Title, key: str, values: Sequence[str]) -> Document:
    """Give the directive `key` these values; indentation, comment and line end stay. One that is not there is added, one
    that stands there several times is refused."""
    block = document.require(title)
    occurrences = block.occurrences(key)
    if not occurrences:
        return add_directive(document, title, key, values)
    if len(occurrences) > 1:
        raise _failure(
            document, block, key, "Multiple matching variables", "config del and config add change one of them"
        )
    if not occurrences[0].negated and occurrences[0].values == tuple(values):
        return document
    return _replace_lines(document, block, {occurrences[0].line.number: _rewrite(occurrences[0], key, values)})


def add_directive(
    document: Document, title: Title, key: str, values: Sequence[str], *, negated: bool = False
) -> Document:
    """Add a directive (`no KEY …` if `negated`) after the last one of its key, or at the end of the block."""
    block = document.require(title)
    same = block.occurrences(key)
    after = same[-1].line if same else block.lines[-1]
    end = _line_end(after) or _line_end(document.lines[0]) or "\n"
    statement = quote_words([*(["no"] if negated else []), *key.split(), *values])
    text = after.text if _line_end(after) else after.text + end
    added = _indentation(document, block, after) + statement + (end if _line_end(after) else "")
    return _replace_lines(document, block, {after.number: text + added})


def delete_directive(document: Document, title: Title, key: str, values: Sequence[str] = ()) -> Document:
    """Take away the lines of `key` (negated ones too) with just these values; without values, all of its lines."""
    block = document.require(title)
    same = (line for line in block.occurrences(key) if not values or line.values == tuple(values))
    gone = [occurrence.line for occurrence in same]
    if not gone:
        wanted = f"{key} {' '.join(values)}".strip()
        raise _failure(document, block, wanted, "No matching variable", f"config show {block.title}")
    return _replace_lines(document, block, {line.number: "" for line in gone})


def set_autostart(document: Document, title: Title, on: bool) -> Document:
    """Have a service started at boot, or not: takes the `no autostart` line away, or puts it there."""
    block = document.require(title)
    if block.flag("autostart", True) == on:
        return document
    occurrences = block.occurrences("autostart")
    if on:
        return _replace_lines(document, block, {flag.line.number: "" for flag in occurrences if not is_on(flag)})
    if not occurrences:
        return add_directive(document, title, "autostart", (), negated=True)
    return _replace_lines(
        document, block, {occurrences[-1].line.number: _rewrite(occurrences[-1], "autostart", (), "no ")}
    )


def replace_block(document: Document, title: Title, text: str) -> Document:
    """Put `text` in the place of a block, or at the end if there is none; a text without any words deletes it. Where the block
    stands there again, that goes.

    Invalid if the text is not just one block of that service and instance.
    """
    name = str(title)
    wanted = parse(text, name)
    old = document.find(title)
    gone = {line.number: "" for block in document.blocks if block.title == name for line in block.lines}
    if not wanted.blocks:
        return document if old is None else _replace_lines(document, old, gone)
    if [block.title for block in wanted.blocks] != [name]:
        others = ", ".join(block.title for block in wanted.blocks if block.title != name) or "it twice"
        raise Invalid(f"{title}: not replaced: the text is to be the one block of {title}, but holds {others}")
    headless = not header_words(wanted.blocks[0].lines[0].words)
    if old is None:
        return _append_block(document, wanted.blocks[0], f"service system\n{text}" if headless else text)
    if headless and any(block is not old for block in document.blocks[:1]):
        text = f"service system\n{text}"
    ended = text.endswith("\n") or old.lines[-1] is document.lines[-1]
    return _replace_lines(document, old, gone | {old.lines[0].number: text if ended else text + "\n"})


def write(document: Document, path: str | os.PathLike[str] = PATH) -> None:
    """Write the document as one step; mode and owner of the file stay. Failure if it cannot be written."""
    try:
        files.write(Path(path), document.text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise Failure(f"{os.fspath(path)}: not written: {error.strerror}", system_hint(error)) from None


def _replace_lines(document: Document, block: Block, changes: Mapping[int, str]) -> Document:
    """The document with other texts for some lines of a block. No other block may be touched by what they say."""
    texts = [changes.get(line.number, line.text) for line in document.lines]
    return _require_others_unchanged(document, parse("".join(texts), document.path), block.title)


def _append_block(document: Document, block: Block, text: str) -> Document:
    """The document with a block after all others, apart by an empty line."""
    before = document.text
    if before:
        before += ("" if before.endswith("\n") else "\n") + ("\n" if document.lines[-1].words else "")
    return _require_others_unchanged(document, parse(before + text, document.path), block.title)


def _require_others_unchanged(document: Document, result: Document, title: str) -> Document:
    """`result`, if all blocks but `title` are what they were. What a line means can hang on the header above it."""
    before = [block.text.rstrip() for block in document.blocks if block.title != title]
    if before != [block.text.rstrip() for block in result.blocks if block.title != title]:
        raise Failure(f"{document.path}: {title}: not changed: other services would change with it")
    return result


def _rewrite(old: Occurrence, key: str, values: Sequence[str], before: str = "") -> str:
    """The text of a line with other values after its key, and `before` instead of a `no`."""
    line = old.line
    words, _ = spans(line.text)
    first = 1 if old.negated else 0
    last = len(words) - len(old.values) - 1  # a key of two words may be written as one
    begin, end = words[first][0], words[last][1]
    gap = line.text[end : words[last + 1][0]] if len(words) > last + 1 else " "
    written = gap + quote_words(values) if values else ""
    return line.text[: words[0][0]] + before + line.text[begin:end] + written + line.text[words[-1][1] :]


def _indentation(document: Document, block: Block, after: Line) -> str:
    """The blanks before a new directive: those of its neighbour, or what is usual in the file."""
    if not header_words(after.words) or (block.name == "wg" and after is not block.lines[0]):
        return _blanks(after)
    others = (line for other in document.blocks for line in other.directives)
    return next((_blanks(line) for line in others), _blanks(after) + INDENT)


def _blanks(line: Line) -> str:
    words, _ = spans(line.text)
    return line.text[: words[0][0]].removeprefix(BOM)


def _line_end(line: Line) -> str:
    return "\r\n" if line.text.endswith("\r\n") else "\n" if line.text.endswith("\n") else ""


def _failure(document: Document, block: Block, key: str, why: str, hint: str = "") -> Failure:
    return Failure(f"{document.path}: {block.title}.{key}: {why}", hint)
