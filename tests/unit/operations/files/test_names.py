"""Paths between a browser and a node: any name goes there and comes back, and nothing leads elsewhere."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Usage
from firmware.operations.files import names

NAMES = st.binary(min_size=1, max_size=200).filter(lambda data: not {0, 47} & {*data} and data not in (b".", b".."))


@given(NAMES)
def test_every_name_goes_there_and_back(data: bytes) -> None:
    name = os.fsdecode(data)
    shown = names.spell(name)
    assert shown.isprintable() and shown.encode() and names.parse_name(shown) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("haproxy.cfg", "haproxy.cfg"),
        ("café", "café"),
        ("caf\udce9", "caf\\351"),
        ("a\\b", "a\\134b"),
        ("two\nlines", "two\\012lines"),
        ("\x1b[2J", "\\033[2J"),
        ("<script>", "<script>"),
        ("right‮left", "right\\342\\200\\256left"),
    ],
)
def test_nothing_in_a_name_is_obeyed(name: str, shown: str) -> None:
    assert (names.spell(name), names.parse_name(shown)) == (shown, name)


@pytest.mark.parametrize(
    ("text", "path"), [("/", ""), ("/etc", "etc"), ("//etc//x/", "etc/x"), ("/caf\\351", "caf\udce9")]
)
def test_a_path_is_absolute(text: str, path: str) -> None:
    assert names.parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "", "etc", "/etc/../shadow", "/..", "/.", "/etc/./x", "/a\\", "/a\\9", "/a\\000b", "/a\0b", "/\\056\\056/x", "/a\\057b",
        "/\ud800", "/" + "x" * 256, "/" + "x/" * 2100,
    ],
)  # fmt: skip
def test_what_is_no_path_is_wrong_usage(text: str) -> None:
    with pytest.raises(Usage):
        names.parse_path(text)
