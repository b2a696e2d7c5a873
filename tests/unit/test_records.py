"""Records: what is written reads back; what is not a record is damaged; what is newer is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import records
from firmware.errors import Damaged, Failure, NewerFormat, Refused

BODIES = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "format"),
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=3),
    max_size=4,
)


@given(BODIES, st.integers(1, 99), st.integers(0, 9))
def test_what_is_written_reads_back(body: dict[str, Any], format: int, later: int) -> None:
    data = records.dump(body, format)
    assert records.load(data, format + later, "FILE") == body
    assert data.isascii() and b"\n" not in data and json.loads(data)["format"] == format


def test_a_record_may_be_indented() -> None:
    assert records.dump({"a": 1}, 2, indent=1) == b'{\n "format": 2,\n "a": 1\n}'


@given(st.integers(1, 99), st.integers(1, 99))
def test_a_newer_format_is_a_word_of_its_own(format: int, ahead: int) -> None:
    data = records.dump({"a": 1}, format + ahead)
    with pytest.raises(NewerFormat) as raised:
        records.load(data, format, "FILE")
    assert str(raised.value) == (
        f"FILE: written by a newer firmware (format {format + ahead}; this one reads up to {format})"
    )
    assert raised.value.hint == "upgrade the firmware of this node"
    assert not isinstance(raised.value, Damaged)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is not JSON"),
        (b"\0\0\0", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b'{"format": 1, "a"', "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b'"format"', "it is not a JSON object"),
        (b"{}", "it has no format number"),
        (b'{"format": "1"}', "it has no format number"),
        (b'{"format": true}', "it has no format number"),
        (b'{"format": 1.0}', "it has no format number"),
        (b'{"format": null}', "it has no format number"),
        (b'{"format": 0}', "it has no format number"),
        (b'{"format": -1}', "it has no format number"),
    ],
)
def test_what_is_no_record_is_damaged(data: bytes, why: str) -> None:
    with pytest.raises(Damaged) as raised:
        records.load(data, 1, "FILE", hint="mend it")
    assert (str(raised.value), raised.value.hint, raised.value.status) == (f"FILE: damaged: {why}", "mend it", 1)


@given(st.binary(max_size=40))
def test_nothing_but_failures_comes_of_any_bytes(data: bytes) -> None:
    try:
        records.load(data, 1, "FILE")
    except (Damaged, NewerFormat) as error:
        assert str(error).startswith("FILE: ")


def test_records_without_a_number_can_be_those_of_older_firmware() -> None:
    assert records.load(b'{"a": 1}', 3, "FILE", unmarked=1) == {"a": 1}
    assert records.load(b'{"format": 2, "a": 1}', 3, "FILE", unmarked=1) == {"a": 1}
    with pytest.raises(Damaged):
        records.load(b'{"format": null}', 3, "FILE", unmarked=1)


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (lambda body: body["b"], "'b' is missing"),
        (lambda body: records.typed_value(body, "b", int), "'b' is missing"),
        (lambda body: records.typed_value(body, "a", str), "a is int, not str"),
        (lambda body: records.typed_value(body, "yes", int), "yes is bool, not int"),
        (lambda body: records.typed_value(body, "list", int, str), "list is list, not int or str"),
        (lambda body: body["a"]["b"], "'int' object is not subscriptable"),
        (lambda body: body["list"][3], "list index out of range"),
        (lambda body: body["a"].lower(), "'int' object has no attribute 'lower'"),
        (lambda body: int("x"), "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_a_body_that_is_misread_is_damaged(read: Any, why: str) -> None:
    with pytest.raises(Damaged) as raised, records.interpreting("FILE", "mend it"):
        read({"a": 1, "yes": True, "list": []})
    assert (str(raised.value), raised.value.hint) == (f"FILE: damaged: {why}", "mend it")


def test_values_of_the_right_type() -> None:
    body = {"a": 1, "yes": True, "no": None, "list": []}
    assert records.typed_value(body, "a", int) == 1
    assert records.typed_value(body, "yes", bool) is True
    assert records.typed_value(body, "no", str, type(None)) is None
    assert records.typed_value(body, "list", list) == []


def test_other_errors_stay_what_they_are() -> None:
    for error in (Refused("x"), Failure("x"), OSError(5, "x"), ZeroDivisionError("x")):
        with pytest.raises(type(error)) as raised, records.interpreting("FILE"):
            raise error
        assert raised.value is error
