"""The block of a service: the values of its directives, flags, and the lines that they stand in."""

import pytest

from firmware.rc.block import Block, Occurrence
from firmware.rc.document import parse


def block(text: str) -> Block:
    return parse(text).blocks[0]


def test_value_is_what_the_last_line_says() -> None:
    part = block("service a\n k 1 2\n k 3 4\n no gone\n gone 1\n no gone\n flag\n")
    assert part.value("k") == "3 4"
    assert part.value("gone", "default") == ""
    assert part.value("flag", "default") == ""
    assert part.value("missing", "default") == "default"
    assert part.value("missing") == ""


def test_values_accumulate_until_no_takes_them_back() -> None:
    part = block("service a\n m 1\n m 2 x\n no m 1\n m 3\n n 1\n no n\n n 2\n")
    assert part.values("m") == [("2", "x"), ("3",)]
    assert part.values("n") == [("2",)]
    assert part.values("k") == []


def test_a_key_may_have_two_words() -> None:
    part = block("service network eth0\n ip address 10.0.0.1/8\n ip route default 10.0.0.2\n ip  address 10.0.0.3/8\n")
    assert part.values("ip address") == [("10.0.0.1/8",), ("10.0.0.3/8",)]
    assert part.value("ip route") == "default 10.0.0.2"
    assert part.values("address") == []
    assert part.values("ip addres") == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", None), ("autostart", True), ("no autostart", False), ("autostart on", True), ("autostart off", False),
        ("no autostart\nautostart", True), ("autostart\nno autostart", False), ("autostart yes", True),
        ("autostart no", False), ("autostart 0", False), ("autostart false", False),
    ],
)  # fmt: skip
def test_flag(lines: str, expected: bool | None) -> None:
    part = block(f"service a\n{lines}\n")
    assert part.flag("autostart", True) is (True if expected is None else expected)
    assert part.flag("autostart", False) is (False if expected is None else expected)


def test_occurrences_are_the_lines_of_a_directive_in_order() -> None:
    found = block("service a\n k 1\n no k\n kk 2\n no k 3 4\n other\n")
    lines = found.directives
    assert found.occurrences("k") == [
        Occurrence(lines[0], False, ("1",)), Occurrence(lines[1], True, ()), Occurrence(lines[3], True, ("3", "4")),
    ]  # fmt: skip
    assert found.occurrences("nothing") == []
