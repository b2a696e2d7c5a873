"""JSON from elsewhere, and words of a query, as the values that a function takes: each of its type, nothing that it does not
know."""

import json
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any

from firmware.errors import Failure, Usage
from firmware.http11.json_body import parse_body

#: bytes of a body that is JSON
MAX_JSON = 4 << 20

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def parse_json(data: bytes) -> dict[str, Any]:
    """The JSON object that a body is; Usage for any other one."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Usage("the body: it is not UTF-8") from None
    plain = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    try:
        return parse_body(bytearray(plain.encode("ascii")))
    except Failure as error:
        raise Usage(str(error).replace("the message", "the body")) from None


def read_object(body: Mapping[str, Any], kind: type, what: str = "the body") -> Any:
    """The dataclass `kind` with what stands in the object; Usage that names the part which is wrong, or not known."""
    hints = {name.rstrip("_"): hint for name, hint in annotations(kind).items()}
    if unknown := sorted(set(body) - set(hints)):
        known = ", ".join(hints) or "nothing"
        raise Usage(f"{what}: {unknown[0][:60]!r}: it takes {known}")
    values = {}
    for one in fields(kind):
        name = one.name.rstrip("_")  # `from_` is written `from`
        if name in body:
            values[one.name] = read_value(body[name], hints[name], f"{what}: {name}")
        elif one.default is MISSING and one.default_factory is MISSING:
            raise Usage(f"{what}: {name}: it is missing")
    return kind(**values)


def read_words(words: Mapping[str, Any], kind: type) -> Any:
    """The same for a query: numbers and flags are words there, or what a browser has sent as JSON."""
    hints = {name.rstrip("_"): hint for name, hint in annotations(kind).items()}
    return read_object({key: _from_word(value, hints.get(key)) for key, value in words.items()}, kind, "the query")


def _from_word(value: Any, kind: Any) -> Any:
    if not isinstance(value, str):
        return value
    if kind is int and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 19:
        return int(value)
    if kind is float and _NUMBER.fullmatch(value):
        return float(value)
    return {"1": True, "true": True, "": True, "0": False, "false": False}.get(value, value) if kind is bool else value


def read_value(value: Any, kind: Any, what: str) -> Any:
    """A value of that type: text, number, flag, None, one of several words, a list, a table, a dataclass."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return (
            None if value is None else read_value(value, next(one for one in inner if one is not types.NoneType), what)
        )
    if origin is typing.Literal:
        return _one_of(value, inner, what)
    if origin in (list, tuple, Sequence):
        return tuple(read_value(one, inner[0], what) for one in _require_type(value, list, what, "a list"))
    if origin in (dict, Mapping):
        found = _require_type(value, dict, what, "an object")
        return {key: read_value(one, inner[1], f"{what}: {key[:60]}") for key, one in found.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        return read_object(_require_type(value, dict, what, "an object"), kind, what)
    return _require_type(value, kind, what, _NAMES[kind])


_NAMES = {str: "text", int: "a whole number", bool: "true or false", float: "a number"}


def _require_type(value: Any, kind: type, what: str, name: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Usage(f"{what}: it is not {name}")
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Usage(f"{what}: it holds half a character") from None
    return value


def _one_of(value: Any, words: Sequence[Any], what: str) -> Any:
    if not any(value == word and type(value) is type(word) for word in words):
        raise Usage(f"{what}: it is one of {', '.join(map(str, words))}")
    return value


@cache
def annotations(of: Any) -> dict[str, Any]:
    """The types of the fields of a dataclass, or of the parameters of a function and its answer (`return`)."""
    return typing.get_type_hints(of)
