"""JSON from a browser as values: each of its type, within bounds, and nothing that is not known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import typed_values
from firmware.errors import Failure, Usage


@dataclass(frozen=True, slots=True)
class Inner:
    label: str


@dataclass(frozen=True, slots=True)
class Wish:
    name: str
    count: int = 0
    force: bool = False
    role: Literal["admin", "monitor"] = "admin"
    texts: Mapping[str, str] | None = None
    inner: Inner | None = None
    many: tuple[str, ...] = ()
    from_: str = ""


def read(body: dict[str, Any]) -> Wish:
    found = typed_values.read_object(body, Wish)
    assert isinstance(found, Wish)
    return found


def test_every_kind_of_value_is_read() -> None:
    body = {
        "name": "ä", "count": 3, "force": True, "role": "monitor", "texts": {"/etc/x": "y"}, "inner": {"label": "l"},
        "many": ["a", "b"], "from": "saved",
    }  # fmt: skip
    assert read(body) == Wish("ä", 3, True, "monitor", {"/etc/x": "y"}, Inner("l"), ("a", "b"), "saved")
    assert read({"name": ""}) == Wish("")


WRONG = {
    "missing": ({}, "name: it is missing"),
    "unknown": ({"name": "x", "nmae": 1}, "'nmae'"),
    "a number for text": ({"name": 1}, "name: it is not text"),
    "text for a number": ({"name": "x", "count": "3"}, "count: it is not a whole number"),
    "a flag for a number": ({"name": "x", "count": True}, "count: it is not a whole number"),
    "a number for a flag": ({"name": "x", "force": 1}, "force: it is not true or false"),
    "half a character": ({"name": "\ud800"}, "half a character"),
    "another word": ({"name": "x", "role": "root"}, "role: it is one of admin, monitor"),
    "a list for a word": ({"name": "x", "role": []}, "role: it is one of"),
    "a number in a table": ({"name": "x", "texts": {"/etc/x": 1}}, "it is not text"),
    "an object without": ({"name": "x", "inner": {}}, "label: it is missing"),
    "null": ({"name": None}, "name: it is not text"),
}


@pytest.mark.parametrize(("body", "said"), WRONG.values(), ids=WRONG)
def test_what_lies_about_its_type_is_named(body: dict[str, Any], said: str) -> None:
    with pytest.raises(Usage) as raised:
        read(body)
    assert said in str(raised.value)


def test_a_query_is_words() -> None:
    assert typed_values.read_words({"name": "1", "count": "-3", "force": "1"}, Wish) == Wish("1", -3, True)
    assert typed_values.read_words({"name": "1", "count": 3, "force": False}, Wish) == Wish("1", 3, False)
    with pytest.raises(Usage, match="the query: count"):
        typed_values.read_words({"name": "x", "count": "9" * 5000}, Wish)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"null", b'{"a":1,"a":2}', b"[" * 50_000, b'{"a":1e999}x'])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(Usage, match="the body"):
        typed_values.parse_json(data)


def test_text_in_any_script_is_taken() -> None:
    assert typed_values.parse_json('{"a":"ä€😀\\u00e4"}'.encode()) == {"a": "ä€😀ä"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*typed_values.annotations(Wish), "from", "x"]), JSON))
def test_whatever_is_sent_is_a_value_or_a_usage_error(body: dict[str, Any]) -> None:
    for read_from in (lambda: typed_values.read_object(body, Wish), lambda: typed_values.read_words(body, Wish)):
        try:
            found = read_from()
        except Failure as error:
            assert isinstance(error, Usage)
        else:
            assert isinstance(found.name, str) and type(found.count) is int and type(found.force) is bool
