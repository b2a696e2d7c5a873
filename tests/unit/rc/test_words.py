"""The words of a line: taken apart as the language says, and written so that they read back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure
from firmware.rc.document import parse
from firmware.rc.words import quote_words


def words(line: str) -> tuple[str, ...]:
    document = parse(f"service x\n{line}\n")
    return document.lines[1].words


@given(
    st.lists(st.text(st.sampled_from(string.printable + "é\xa0\x85\u2028\x1c\ufeff").filter(lambda c: c != "\n"))),
    st.sampled_from(["", "\n", "\r\n", "  # it's", '\t# a "comment']),
    st.sampled_from(["", " ", "\t", " \f "]),
)
def test_quoted_words_read_back(values: list[str], end: str, blanks: str) -> None:
    if any("'" in value and '"' in value for value in values):
        with pytest.raises(Failure, match="single quotes or double quotes, not both"):
            quote_words(values)
    else:
        assert words(f"{blanks}key {quote_words(values)}{end}") == ("key", *values)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ip address 10.0.0.1/24", ("ip", "address", "10.0.0.1/24")),
        ("  \t ip\f\vaddress\t10.0.0.1/24  ", ("ip", "address", "10.0.0.1/24")),
        ("", ()),
        ("   # only a comment, it's one", ()),
        ("a b # c", ("a", "b")),
        ("a b#c #d", ("a", "b#c")),
        ("a '#' b", ("a", "#", "b")),
        ("a ''#b", ("a", "#b")),
        ("a 'b c' \"d e\"", ("a", "b c", "d e")),
        ("a x'b c'\"d\"y", ("a", "xb cdy")),
        ("a '' \"\"", ("a", "", "")),
        ("a \"it's\" '\"'", ("a", "it's", '"')),
        (r"a \"b\"", ("a", "\\b\\")),
        (r"a b\ c", ("a", "b\\", "c")),
        ("sysctl net.ipv4.tcp_rmem='4096 87380'", ("sysctl", "net.ipv4.tcp_rmem=4096 87380")),
        ("a b\xa0c\x85d\x1ce\u2003f", ("a", "b\xa0c\x85d\x1ce\u2003f")),
        ("a b\x1cc\x1d d\x1ee\x1f", ("a", "b\x1cc\x1d", "d\x1ee\x1f")),
        ("a é # ü", ("a", "é")),
        ("a $(reboot) `reboot` ; reboot", ("a", "$(reboot)", "`reboot`", ";", "reboot")),
        ("a b\r", ("a", "b")),
        ("a b\rc", ("a", "b", "c")),
        ("\ufeffa b", ("a", "b")),
    ],
)
def test_words(line: str, expected: tuple[str, ...]) -> None:
    assert words(line) == expected
