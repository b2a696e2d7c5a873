"""The words of one line: taken apart, with their places in it, and written so that they read back the same."""

import re
from collections.abc import Sequence
from functools import cache

from firmware.errors import Failure
from firmware.printable import quote_word

BLANKS = " \t\r\n\v\f"
BOM = "\ufeff"

#: what a line is made of: blanks, plain text, quoted text, a quote that nothing closes, an end at which the line goes on
_PIECE = r"""([ \t\r\n\v\f]+)|([^ \t\r\n\v\f"'\\]+|\\(?!\r?\n))|"([^"\n]*)"|'([^'\n]*)'|(["'])|(\\\r?\n)"""
_BLANK, _PLAIN, _STRAY, _JOIN = 1, 2, 5, 6

_CONTINUED = ("\\\n", "\\\r\n")

#: other spellings of the beginning of a directive, and today's
_SPELLINGS = {
    ("ip-address",): ("ip", "address"),
    ("ip", "addr"): ("ip", "address"),
    ("ip6-address",): ("ip6", "address"),
    ("ip6", "addr"): ("ip6", "address"),
}
_RESPELLED = frozenset(words[0] for words in _SPELLINGS)

#: blanks to str.split() (as are some characters beyond ASCII), but not in config.rc
_SEPARATORS = frozenset("\x1c\x1d\x1e\x1f")

#: a word: where it starts and ends in its line, quotes included, and what it says
Span = tuple[int, int, str]


def split_line(text: str) -> tuple[str, ...] | None:
    """The words of a line without its comment, or None if a quote is not closed."""
    if text.isascii() and _SEPARATORS.isdisjoint(text) and "\\" not in text:  # the fast way, for nearly all lines
        unquoted = text.partition('"')[0].partition("'")[0]
        words = unquoted.split()
        comment = next((place for place, word in enumerate(words) if word[0] == "#"), None) if "#" in unquoted else None
        if comment is not None or len(unquoted) == len(text):
            return tuple(words[:comment])
    placed_words, stray = spans(text)
    return None if stray else tuple([word for _, _, word in placed_words])


def split_unclosed(text: str) -> tuple[tuple[str, ...], str]:
    """For a line that `split_line` refuses: its words as if the quote ended with the line, and what is wrong with it."""
    words, stray = spans(text)
    return tuple([word for _, _, word in words]), f"the quote {stray} is opened and not closed"


def spans(text: str) -> tuple[list[Span], str]:
    """The words of a line with their places, and the quote that is not closed: "" if all is well. The rest of the line
    counts as the last word then."""
    words: list[Span] = []
    parts: list[str] = []
    at = start = 1 if text.startswith(BOM) else 0
    for piece in _pattern().finditer(text, at):
        kind, end = piece.lastindex, piece.end()
        if kind == _BLANK:
            if parts:
                words.append((start, at, "".join(parts)))
                parts = []
        elif kind == _PLAIN and not parts and text[at] == "#":
            return words, ""
        elif kind == _JOIN:
            pass
        elif kind == _STRAY:
            stop = len(text.rstrip(BLANKS))
            return [*words, (at, stop, "".join([*parts, text[end:stop]]))], text[at]
        else:
            start = start if parts else at
            parts.append(piece[kind or 0])
        at = end
    return ([*words, (start, at, "".join(parts))] if parts else words), ""


def is_continued(text: str) -> bool:
    """Does this line go on in the next one: does it end in a backslash that is neither quoted nor in a comment?"""
    if not text.endswith(_CONTINUED):
        return False
    line = text.rstrip("\r\n")
    words, stray = spans(line)
    return not stray and bool(words) and words[-1][1] == len(line)


def respell(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a directive in today's spelling: `ip address` for `ip-address` and `ip addr`."""
    if words[:1] == ("no",):
        return ("no", *respell(words[1:]))
    if words[:1] and words[0] in _RESPELLED:
        for old, new in _SPELLINGS.items():
            if words[: len(old)] == old:
                return (*new, *words[len(old) :])
    return words


def quote_words(words: Sequence[str]) -> str:
    """Words as the text of a line that reads back the same, or Failure where that cannot be written."""
    return " ".join([_quote_value(word) for word in words])


@cache
def _pattern() -> re.Pattern[str]:
    """Compiled when the first line needs it: most files of a node do without, and `config get` starts sooner."""
    return re.compile(_PIECE)


def _quote_value(word: str) -> str:
    if "\n" in word or "\0" in word:
        raise Failure(f"{quote_word(word)}: not written: a value is one line without NUL bytes")
    if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
        raise Failure(f"{quote_word(word)}: not written: it is not UTF-8")
    plain = word and not word.startswith(("#", BOM)) and not word.endswith("\\")
    if plain and not any(char in word for char in BLANKS + "\"'"):
        return word
    for mark in "\"'":
        if mark not in word:
            return mark + word + mark
    raise Failure(f"{quote_word(word)}: not written: a value can hold single quotes or double quotes, not both")
