"""Titles: service and instance, as one value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.rc.title import Title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("haproxy", Title("haproxy")),
        ("network.eth0", Title("network", "eth0")),
        ("network.eth0.100", Title("network", "eth0.100")),
        ("network.eth0:1@2", Title("network", "eth0:1@2")),
        ("", Title("")),
    ],
)
def test_titles_are_read_and_written(text: str, title: Title) -> None:
    assert Title.parse(text) == title
    assert str(title) == f"{title}" == text


@given(st.text(st.characters(exclude_characters="."), max_size=9), st.text(max_size=9))
def test_what_is_written_reads_back(service: str, instance: str) -> None:
    assert Title.parse(str(Title(service, instance))) == Title(service, instance)


def test_a_dot_with_nothing_after_it_says_nothing() -> None:
    assert Title.parse("haproxy.") == Title("haproxy")


def test_titles_are_keys_and_have_an_order() -> None:
    titles = {Title("network", "eth1"), Title("haproxy"), Title.parse("haproxy"), Title("network", "eth0")}
    assert [str(title) for title in sorted(titles)] == ["haproxy", "network.eth0", "network.eth1"]
