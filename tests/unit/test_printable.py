"""Text that somebody else wrote, made fit for a line."""

import pytest

from firmware.printable import escape, quote_path, quote_word, shorten, spell_bytes


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/a b", "/etc/a b"), ("/etc/ü", "/etc/ü"), ("/etc/a ", '"/etc/a "'), ("/etc/a\nb", '"/etc/a\\012b"'),
        ("/etc/\udcff", '"/etc/\\377"'), ('/etc/"', '"/etc/\\042"'), ("/etc/\\", '"/etc/\\134"'), ("/etc/\x1b[2J", '"/etc/\\033[2J"'),
    ],
)  # fmt: skip
def test_paths_in_a_line(path: str, line: str) -> None:
    assert quote_path(path) == line


def test_control_characters_are_written_out() -> None:
    assert escape("a\x1b[2J\r\nü\udcff") == "a\\x1b[2J\\r\\nü\\377"
    assert escape("a\n\tb\x07", keep="\n\t") == "a\n\tb\\x07"


def test_a_file_name_that_is_latin_1_is_spelt_one_way() -> None:
    name = "caf\udce9"
    for spelt in (escape(name), quote_word(name)[1:-1], quote_path(name)[1:-1]):
        assert spelt == "caf\\351"
    assert spell_bytes(b"caf\xe9 caf\xc3\xa9\n") == "caf\\351 caf\u00e9\n", "what a program says of it, too"
    assert quote_word("\\udce9") == "'\\\\udce9'", "a backslash is none"
    assert quote_word("\\\udce9") == "'\\\\\\351'"


def test_words_are_quoted_and_not_longer_than_people_read() -> None:
    assert quote_word("a\nb'") == '"a\\nb\'"'
    assert quote_word("x" * 60) == "'" + "x" * 60 + "'"
    assert quote_word("x" * 61) == "'" + "x" * 60 + "'…"
    assert shorten("x" * 2000) == "x" * 2000
    assert shorten("abcdef", 4) == "abcd… (6 characters)"
