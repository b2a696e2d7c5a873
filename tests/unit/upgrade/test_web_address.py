"""The address of a bundle: what a server is asked for, and what of it anybody may see."""

import pytest

from firmware.errors import Failure, Usage
from firmware.upgrade import web_address
from firmware.upgrade.web_address import WebAddress, parse


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("http://x", "http://x/"),
        ("HTTPS://X.Example:8443/A?b=C", "https://x.example:8443/A?b=C"),
        ("https://bücher.example/ä b.raucb?q=ü", "https://xn--bcher-kva.example/%C3%A4%20b.raucb?q=%C3%BC"),
        ("https://xn--bcher-kva.example/%C3%A4%20b", "https://xn--bcher-kva.example/%C3%A4%20b"),
        ("http://[fd00::1]:80/x", "http://[fd00::1]:80/x"),
        ("http://x/caf\udce9", "http://x/caf%E9"),
        ("http://me:p%40ss@x/a#b", "http://me:p%40ss@x/a"),
        (" http://x/a ", "http://x/a"),
        ('http://x/"<>\\^`{|}', "http://x/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("http://x/a;b=c,d:e@f!$&'()*+~[1]?a[]=/?", "http://x/a;b=c,d:e@f!$&'()*+~[1]?a[]=/?"),
    ],
)
def test_an_address_is_asked_for_in_ascii(word: str, text: str) -> None:
    assert parse(word).text == text and text.isascii()
    assert parse(text) == parse(word)


@pytest.mark.parametrize(
    "word", ["https://me:s3cret@x.example:8443/a/b?token=s3cret#s3cret", "https://s3cret@x.example:8443/a/b?s3cret"]
)
def test_server_and_path_are_all_that_is_shown(word: str) -> None:
    assert parse(word).public_form == web_address.public_part(word) == "https://x.example:8443/a/b"


@pytest.mark.parametrize(
    "word",
    [
        "https://me:s3cret@a b/?s3cret",
        "https://me:s3cret@[::1/?s3cret",
        "https://me:s3cret@x:port/x",
        "https://s3cret@/",
        "https://me:s3cret/s3cret@x/a",
        "https://me:s3cret?s3cret@x/a",
        "https://me:s3cret#s3cret@x/a",
        "https://me:1#s3cret@x/a",
        "https:/me:s3cret@x/a",
        "https:me:s3cret@x/a",
        "https:///me:s3cret@x/a",
        "https:/me:s3cret//s3cret@x/a",
        "me:s3cret@x/a",
        "s3cret@x",
        "https:\\\\me:s3cret@x\\a",
        "https://me:s3cret/a",
        "https:/me:s3cret/a",
        "https:me:s3cret/a",
        "me:s3cret/a",
        "https://me:s3cret\\x/a",
        "https://me:s3cret%40x/a",
        "https://me%3As3cret%40x/a",
        "https://s3cret%40x/a",
        "https://me:s3cret\uff20x/a",
        "https://s3cret\ufe6bx/a",
        "https://me:s3cret@",
        "https://me:s3cret@/a",
        "https://me:s3cret@?s3cret",
        "https://:s3cret@:80/a",
        "https://me:[s3cret]@x/a",
        "https://[::1]s3cret@x/a",
        "http://[fe80::1%me:s3cret@x]/a",
        "http://[fe80::1%s3cret:]/a",
        "//me:s3cret@x/a",
        "\x00https://me:s3cret@x/a",
        "https://me:s3c\tret@s3cret@x y/a",
    ],
)
def test_nor_is_anything_else_shown_of_what_is_no_address(word: str) -> None:
    with pytest.raises(Usage) as raised:
        parse(word)
    assert "s3cret" not in str(raised.value) and "https://SERVER/PATH" in raised.value.hint


@pytest.mark.parametrize(
    "word",
    [
        "https://s3cret/s3cret@x/a",
        "https://me:1/s3cret@x/a",
        "https://https://me:s3cret@x/a",
        "https://me:80?s3cret@x/a",
        "https://s3cret?w@x/a",
        "https://me:80/s3cret?w@x/a",
        "https://me:p@s3cret/w@x/a",
        "https://me:p@s3cret/w?r@x/a",
        "https://x/a?id=me@y&signature=s3cret",
    ],
)
def test_nor_of_what_may_be_a_password_though_it_is_an_address(word: str) -> None:
    assert parse(word).public_form == web_address.public_part(word) == "https://…"


@pytest.mark.parametrize(
    "word",
    ["https://me:s3cret@s3cret@x/a", "https://me:s3cret\\@x/a", "https://D\\s3cret:s%33cret%40@x/a?s3cret#s3cret"],
)
def test_nor_of_what_stands_before_the_last_at(word: str) -> None:
    assert parse(word).public_form == web_address.public_part(word) == "https://x/a"


@pytest.mark.parametrize("word", ["http://[fe80::1%eth0]:80/a", "http://[fd00::1]/a", "http://x.example:8443/a"])
def test_a_server_is_shown_whatever_it_is_called_by(word: str) -> None:
    """The control: an address of IPv6, with the zone that it is in."""
    assert parse(word).public_form == web_address.public_part(word) == word


@pytest.mark.parametrize("word", ["https:/x/a?s3cret", "x.example/a?s3cret", "bundle"])
def test_what_was_typed_wrong_is_shown_without_its_query(word: str) -> None:
    """The control: where no name or password can be."""
    assert web_address.public_part(word) == word.partition("?")[0]


def test_an_address_that_a_store_signs_with_an_account_is_asked_for() -> None:
    place = parse("https://x/a?id=me@y&signature=s3cret")
    assert place.target == "/a?id=me@y&signature=s3cret" and place.public_form == "https://…"
    assert parse("https://x/a?id=me%40y&signature=s3cret").public_form == "https://x/a"


def test_who_asks_is_told_to_the_same_server_only() -> None:
    place = parse("https://me:pw@x.example/a/b")
    assert place.authorization == "Basic bWU6cHc=" and parse("https://x/").authorization == ""
    for same in ("c", "/c", "//x.example/c", "https://x.example/c"):
        assert place.leads_to(same).user == "me:pw"
    for other in ("https://y.example/c", "https://x.example:444/c", "//y.example"):
        assert place.leads_to(other).user == ""
    assert place.leads_to("https://you:pw@x.example/").user == "you:pw"


def test_a_header_is_bytes() -> None:
    """As http.client reads them: each byte is a letter."""
    place = parse("http://x/a")
    assert place.leads_to("/ü".encode().decode("latin-1")) == WebAddress("http", "x", None, "/%C3%BC")
    assert place.leads_to("/\xfc") == WebAddress("http", "x", None, "/%FC")
    for malformed in ("/a\r\n b", "/\x00", "http://[x/"):
        with pytest.raises(Failure, match="which is no address"):
            place.leads_to(malformed)


def test_what_is_shown_has_an_end() -> None:
    place = parse("http://x/" + "a" * 50_000)
    assert len(place.public_form) < 600 and len(place.text) > 50_000
    with pytest.raises(Failure) as raised:
        place.leads_to("ftp://y/" + "b" * 50_000)
    assert len(str(raised.value)) < 1200
    assert place.leads_to("c").text == "http://x/c"
