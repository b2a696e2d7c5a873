"""The body of a request or response: a JSON object from elsewhere, parsed once it is known how little it can become.

A body of 24 MB can be a service with all its files, or `[[],[],[],…`, which becomes twenty times as much in memory, or one
long text with a single character that makes every other one take four bytes. So what is no text is counted first.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from firmware.errors import Failure

Json = dict[str, Any]

#: characters outside of texts, quotes, and backslashes that a message may have: 4096 files take less than half of each
MAX_STRUCTURE = 1 << 19
#: levels of arrays and objects, one in the other
MAX_DEPTH = 16
#: characters in all texts together that hold other characters than ASCII
MAX_WIDE_TEXT = 1 << 22

_BACKSLASH = ord("\\")
_PAIR = re.compile(rb"\[\]|\{\}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_body(body: bytearray) -> Json:
    """The JSON object that `body` is; Failure, with the reason, for anything else, and for what would become too much.

    `body` is empty then, whether it is taken or refused: a large message shall not lie in memory twice, nor for as long as
    somebody has the refusal and its traceback.
    """
    try:
        _require_bounded(body)
        text = body.decode("ascii")
    finally:
        body.clear()
    is_json = True
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        is_json = False
    del text
    if not is_json:  # raised here, where the decoder's error, which has all of the text, is gone
        raise Failure("the message: it is not JSON")
    if not isinstance(value, dict):
        raise Failure("the message: it is not a JSON object")
    return value


def _require_bounded(body: bytearray) -> None:
    if not body.isascii():
        raise Failure("the message: it holds bytes that are not ASCII; JSON writes other characters as \\u…")
    if max(body.count(b'"'), body.count(b"\\")) > MAX_STRUCTURE:
        raise Failure(f"the message: more than {MAX_STRUCTURE} quotes or backslashes")
    structure, wide, last = bytearray(), 0, 0
    for start, end in chain(_text_spans(body), [(len(body), len(body))]):
        if len(structure) + start - last > MAX_STRUCTURE:
            raise Failure(f"the message: more than {MAX_STRUCTURE} characters of it are no text")
        structure += body[last:start]
        wide += end - start if body.find(b"\\u", start, end) >= 0 else 0
        last = end
    if wide > MAX_WIDE_TEXT:
        raise Failure(f"the message: texts with \\u… take more than {MAX_WIDE_TEXT} bytes")
    if _is_too_deep(structure):
        raise Failure(f"the message: it is not JSON, or nested deeper than {MAX_DEPTH} levels")


def _text_spans(body: bytearray) -> Iterator[tuple[int, int]]:
    """Where each text begins and ends, with its quotes; one without an end goes on to the end of all."""
    start = body.find(b'"')
    while start >= 0:
        end = body.find(b'"', start + 1)
        while end >= 0 and _is_escaped(body, end):
            end = body.find(b'"', end + 1)
        end = end + 1 or len(body)
        yield start, end
        start = body.find(b'"', end)


def _is_escaped(body: bytearray, at: int) -> bool:
    first = at
    while body[first - 1] == _BACKSLASH:
        first -= 1
    return (at - first) % 2 == 1


def _is_too_deep(structure: bytearray) -> bool:
    """Is something left once the innermost pairs of brackets have been taken away so often?"""
    left = structure.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not left:
            return False
        left = bytearray(_PAIR.sub(b"", left))
    return bool(left)


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> Json:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Failure("the message: a name stands twice in one object")
    return result


def _refuse_constant(word: str) -> None:
    raise Failure(f"the message: {word} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
