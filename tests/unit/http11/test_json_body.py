"""Messages from elsewhere: what JSON says arrives, and what would become too much is refused before it is parsed."""

import json
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure
from firmware.http11.json_body import parse_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def parse(text: bytes) -> Any:
    return parse_body(bytearray(text))


@given(st.dictionaries(st.text(), JSON.filter(lambda value: "Infinity" not in json.dumps(value)), max_size=4))
def test_what_was_said_arrives(told: dict[str, Any]) -> None:
    assert parse(json.dumps(told).encode()) == told
    assert parse(json.dumps(told, indent=1).encode()) == told


@given(st.text(alphabet='"\\u{}[],:a1 \n', max_size=40))
def test_it_takes_nothing_that_is_not_json(text: str) -> None:
    try:
        found = parse(text.encode())
    except Failure:
        return
    assert json.loads(text) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not JSON"), (b"{", "not JSON"), (b"[1]", "not a JSON object"), (b'{"a":1}x', "not JSON"), (b'{"a":[}]', "not JSON"),
        (b'{"a":NaN}', "NaN is not JSON"), (b'{"a":-Infinity}', "-Infinity is not JSON"), (b'{"a":1,"a":2}', "stands twice"),
        (b'{"a":{"b":1,"b":2}}', "stands twice"), ('{"a":"ü"}'.encode(), "not ASCII"), (b'{"a":"', "not JSON"), (b'{"a\\', "not JSON"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "deeper than 16"), (b'{"a":' + b"[" * 99999, "deeper than 16"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"), (b" " * (1 << 20) + b"{}", "are no text"), (b'{"a":' + b"1" * (1 << 20), "are no text"),
        (b'{"a":[' + b"[]," * (1 << 20) + b"1]}", "are no text"), (b'"' * (1 << 20), "quotes or backslashes"),
        (b'{"a":"' + b"\\\\" * (1 << 20) + b'"}', "quotes or backslashes"),
        (b'{"a":"' + b"x" * (1 << 23) + b'\\u2022"}', "texts with \\u"),
        (b'{"a":["' + b'\\u2022","'.join([b"x" * (1 << 20)] * 8) + b'\\u2022"]}', "texts with \\u"),
    ],
    ids=range(22),
)  # fmt: skip
def test_it_is_refused_with_the_reason(text: bytes, says: str) -> None:
    with pytest.raises(Failure) as caught:
        parse(text)
    assert says in str(caught.value)


def test_what_is_deep_or_wide_but_not_too_much_arrives() -> None:
    assert parse(b'{"a":' * 16 + b"1" + b"}" * 16)
    assert len(parse(b'{"a":"' + b"x" * (1 << 23) + b'","b":"\\u2022"}')["a"]) == 1 << 23
    entry = {
        "path": "p" * 60,
        "kind": "file",
        "mode": "0640",
        "owner": "root",
        "group": "haproxy",
        "size": 1,
        "digest": "d" * 41,
    }
    whole = {
        "entries": [{**entry, "path": f"ü{number}"} for number in range(4096)],
        "contents": {"d" * 41: "A" * (1 << 24)},
    }
    assert parse(json.dumps(whole).encode()) == whole


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"' + b"x" * (24 << 20) + b'"}', b'{"a":[' + b'{"":1},' * 70_000 + b'1],"b":"' + b"x" * (20 << 20) + b'"}',
        b'{"a":[' + b"[]," * 170_000 + b'1],"b":"' + b"x" * (20 << 20) + b'"}', b"[]," * (8 << 20), b"x" * (24 << 20),
        b'{"b":"\\ud83d\\ude00' + b"x" * (4 << 20) + b'","a":"' + b"x" * (19 << 20) + b'"}',
    ],
    ids=["one text", "objects", "lists", "nothing but lists", "nothing", "wide"],
)  # fmt: skip
def test_what_it_becomes_is_at_most_twice_what_it_is(text: bytes) -> None:
    body = bytearray(text)
    del text
    tracemalloc.start()
    try:
        found = None
        with suppress(Failure):
            found = parse_body(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 56 << 20
    assert found is None or not body, "the bytes are given up"


@pytest.mark.parametrize("body", [b"[" + b"1," * (1 << 19) + b"1]", b'{"a": nothing}', b"[" * 100, b"\xff"])
def test_what_is_refused_does_not_stay_in_memory(body: bytes) -> None:
    held = bytearray(body)
    with pytest.raises(Failure) as refused:
        parse_body(held)
    assert not held
    assert refused.value.__context__ is None, "the decoder's error has the whole text"
