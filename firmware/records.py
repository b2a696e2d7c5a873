"""Records: JSON objects that are kept in files or sent over the wire, each with the number of its format.

Whoever changes what a record holds gives it the next number, and older firmware then says "written by a newer firmware"
instead of "damaged". What is said here about one record holds for one line of a file of lines, too.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from firmware.errors import Damaged, Failure, NewerFormat

#: what reading a record raises where its body is not what was written: a key is missing, a value is of another type
_MISREAD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


def dump(body: Mapping[str, Any], format: int, *, indent: int | None = None) -> bytes:
    """The record as ASCII without a newline at its end; on one line, unless it is indented by `indent` blanks."""
    assert "format" not in body
    return json.dumps({"format": format, **body}, indent=indent).encode("ascii")


def load(data: bytes, format: int, what: str, *, unmarked: int = 0, hint: str = "") -> dict[str, Any]:
    """The body of a record in a format up to `format`, without the number itself. `what` names the file in messages.

    `unmarked` is the format of records that have no number, as older firmware wrote them; with 0 they count as damaged.
    NewerFormat where the number is higher than `format`. Damaged, with `hint` as its hint, where it is no record.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise Damaged(f"{what}: damaged: it is not JSON", hint) from None
    if not isinstance(body, dict):
        raise Damaged(f"{what}: damaged: it is not a JSON object", hint)
    number = body.pop("format", unmarked)
    if type(number) is not int or number < 1:
        raise Damaged(f"{what}: damaged: it has no format number", hint)
    if number > format:
        raise NewerFormat(what, number, format)
    return body


@contextmanager
def interpreting(what: str, hint: str = "") -> Iterator[None]:
    """Damaged, with `hint` as its hint, for whatever goes wrong in it because a body is not what was written."""
    try:
        yield
    except Failure:
        raise
    except _MISREAD as error:
        raise Damaged(f"{what}: damaged: {_reason(error)}", hint) from None


def typed_value(body: Mapping[str, Any], key: str, *kinds: type) -> Any:
    """What stands at `key`. KeyError if nothing does, TypeError if it is of none of these types (a bool is no int)."""
    result = body[key]
    if not isinstance(result, kinds) or (isinstance(result, bool) and bool not in kinds):
        raise TypeError(f"{key} is {type(result).__name__}, not {' or '.join(kind.__name__ for kind in kinds)}")
    return result


def _reason(error: BaseException) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
