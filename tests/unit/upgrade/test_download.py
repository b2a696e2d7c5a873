"""A bundle from a web server: over TLS or not, and from servers that break off, lead on, lie, or never end."""

import dataclasses
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_server import Authority, Site, serve

from firmware.errors import Failure, Usage
from firmware.upgrade import download, web_address, web_request

DATA = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve({"bundle": DATA}) as served:
        yield served


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls") / "ca")


def everything(url: str) -> bytes:
    return b"".join(download.pieces(download.find(url, pause=0.0), pause=0.0))


@pytest.mark.parametrize("how", ["whole", "breaks", "stubborn", "longer", "unsaid", "odd"])
def test_all_of_it_comes_and_no_more_however_the_server_sends_it(how: str, site: Site) -> None:
    """Where it breaks off it goes on."""
    assert everything(f"{site.url}/{how}/bundle") == DATA


def test_a_server_says_what_it_has(site: Site) -> None:
    found = download.find(f"{site.url}/whole/bundle")
    assert (found.size, found.sends_parts, found.tag) == (len(DATA), True, '"1"')
    found = download.find(f"{site.url}/stubborn/bundle")
    assert (found.size, found.sends_parts) == (len(DATA), False)


def test_a_part_is_asked_for_as_a_part(site: Site) -> None:
    source = download.find(f"{site.url}/whole/bundle")
    assert download.part(source, 1000, 300) == DATA[1000:1300]
    assert site.asked[-1] == "bytes=1000-1299"
    assert download.part(source, 0, 5) == DATA[:5] and site.asked[-1] == "bytes=0-4"
    assert download.part(source, len(DATA) - 5, 5) == DATA[-5:]


def test_a_server_that_breaks_off_and_sends_no_parts_is_named(site: Site) -> None:
    with pytest.raises(Failure, match=r"bundle: it broke off after \d+ bytes, and the server sends no parts"):
        everything(f"{site.url}/stubborn-breaks/bundle")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("whole/nothing", "the server answers 404 Not Found"),
        ("to/ftp://127.0.0.1/bundle", "it leads to ftp://127.0.0.1/bundle, which is not followed"),
        ("to/file:///etc/shadow", "which is not followed"),
        ("round/x", "more than 5 redirections"),
    ],
)
def test_what_cannot_be_had_is_said(path: str, words: str, site: Site) -> None:
    with pytest.raises(Failure, match=words):
        download.find(f"{site.url}/{path}")


def test_a_redirection_is_followed(site: Site) -> None:
    assert everything(f"{site.url}/to//whole/bundle") == DATA
    assert everything(f"{site.url}/to/{site.url}/whole/bundle") == DATA


def test_a_server_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda _: pytest.fail("it is waited for"))
    with pytest.raises(Failure, match="Connection refused"):
        download.find("http://127.0.0.1:1/bundle")


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_server_that_is_away_for_a_moment_is_asked_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it asks for, where that is not long."""
    waited: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waited.append)
    with serve({"bundle": DATA}) as site:
        site.status, site.retry_after = status, "7"
        assert everything(f"{site.url}/tired/bundle") == DATA
        assert 7 in waited and max(waited) == 7


def test_a_server_that_is_away_at_first_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, or breaks off without a word."""
    waited: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waited.append)
    with serve({"bundle": DATA}) as site:
        site.retry_after = "7"
        assert download.find(f"{site.url}/late/bundle").size == len(DATA)
        assert waited == [7, download.PAUSE]
        with pytest.raises(Failure, match="the server answers 503") as raised:
            download.find(f"{site.url}/away/bundle")
        assert len(site.asked) == 3 + 1 + download.TRIES and raised.value.hint == "try again"


def test_all_of_it_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily it comes: meanwhile nobody else can get a bundle."""
    monkeypatch.setattr(download, "MOST_SECONDS", 0.3)
    with (
        serve({"bundle": DATA[:40]}) as site,
        pytest.raises(Failure, match=r"slow/bundle: it comes too slowly: \d+ bytes in 0\.005 minutes"),
    ):
        everything(f"{site.url}/slow/bundle")


def test_a_server_that_stays_away_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    source = download.find(f"{site.url}/whole/bundle")
    away = dataclasses.replace(source, address=web_address.parse(f"{site.url}/away/bundle"))
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    asked = len(site.asked)
    with pytest.raises(Failure, match="away/bundle: the server answers 503 Service Unavailable, after 0 bytes"):
        list(download.pieces(away))
    assert len(site.asked) - asked == 1 + download.TRIES
    monkeypatch.setattr(site, "retry_after", "3600")
    with pytest.raises(Failure, match="the server answers 503 Service Unavailable") as raised:
        list(download.pieces(away))
    assert raised.value.hint == "it asks for 3600 s: try again then"
    assert len(site.asked) - asked == 2 + download.TRIES


def test_it_goes_on_at_the_address_that_was_given() -> None:
    """Where that leads to is good for one request."""
    with serve({"bundle": DATA}) as site:
        assert everything(f"{site.url}/signed/bundle") == DATA
        assert sum(path == "/signed/bundle" for path in site.paths) == len(site.paths) / 2 > 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("grows", "something else stands there now"),
        ("swapped", "something else stands there now"),
        ("shrinks", "the server answers 416 .*: there is less than was asked for"),
    ],
)
def test_it_does_not_go_on_with_something_else(how: str, words: str, site: Site) -> None:
    with pytest.raises(Failure, match=f"{how}/bundle: {words}"):
        everything(f"{site.url}/{how}/bundle")


def test_an_address_in_any_letters_is_asked_for(site: Site) -> None:
    site.files["m%C3%BCnchen%20%5B1].raucb"] = site.files["bundle"]
    assert everything(f"{site.url}/whole/münchen [1].raucb".replace("[", "%5B")) == DATA
    assert everything(f"{site.url}/whole/m%C3%BCnchen%20%5B1].raucb") == DATA
    assert everything(f"{site.url}/to//whole/münchen %5B1].raucb") == DATA


@pytest.mark.parametrize("place", ["http://[::1/x", "http://x:y/", "http://a%20b/", "http://" + "a" * 64 + "/"])
def test_a_server_that_leads_to_no_address_is_said(place: str, site: Site) -> None:
    """It is the server's fault, not that of who has typed the address: exit status 1."""
    with pytest.raises(Failure, match=r"it leads to .*, which is no address") as raised:
        download.find(f"{site.url}/to/{place}")
    assert raised.value.status == 1 and raised.value.hint


def test_name_and_password_are_for_that_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({"bundle": DATA}) as site, serve({"bundle": DATA}) as other:
        site.authorization = other.authorization = "Basic bWU6czNjcmV0Lw=="
        address = site.url.replace("//", "//me:s3cret%2F@")
        assert everything(f"{address}/private/bundle") == DATA
        assert everything(f"{address}/to//private/bundle") == DATA
        for wrong in (f"{site.url}/private/bundle", f"{address}/to/{other.url}/private/bundle"):
            with pytest.raises(Failure, match="the server answers 401") as raised:
                download.find(wrong)
            assert "https://NAME:PASSWORD@" in raised.value.hint


@pytest.mark.parametrize("path", ["whole/nothing", "away/x", "to/ftp://x/", "to/http://[x/", "breaks/x", "round/x"])
def test_no_error_shows_what_is_secret_in_an_address(path: str, site: Site) -> None:
    secret = site.url.replace("//", "//me:s3cret@") + f"/{path}?token=s3cret#s3cret"
    with pytest.raises(Failure) as raised:
        everything(secret)
    assert path.partition("/")[0] in str(raised.value)
    assert "s3cret" not in str(raised.value) + raised.value.hint


@pytest.mark.parametrize("how", ["slow", "silent"])
def test_who_sends_a_byte_now_and_then_or_none_is_not_waited_for(
    how: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes long before anybody would give up waiting for one."""
    monkeypatch.setattr(web_request, "PACE_SECONDS", 0.5)
    begun = time.monotonic()
    with pytest.raises(Failure, match=r"it comes too slowly: less than 64 kB in 0\.5 s"):
        everything(f"{site.url}/{how}/bundle")
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("is_secure", [True, False])
def test_a_server_is_asked_by_its_address_alone(
    is_secure: bool, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of IPv6, too: its last part is no port. Here the usual port is another one."""
    monkeypatch.setattr(web_request, "OWN_AUTHORITIES", authority.place / "ca.pem")
    certificate = authority.issue("six", place="IP:::1") if is_secure else None
    kind = web_request.HTTPSConnection if is_secure else web_request.HTTPConnection
    with serve({"bundle": DATA}, certificate, host="::1") as site:
        server, _, port = site.url.rpartition(":")
        monkeypatch.setattr(kind, "default_port", int(port))
        assert everything(f"{server}/whole/bundle") == everything(f"{site.url}/whole/bundle") == DATA


def test_who_greets_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS nothing has come then that could be counted."""
    monkeypatch.setattr(web_request, "PACE_SECONDS", 0.5)
    ended = threading.Event()

    def greet(server: socket.socket) -> None:
        with server.accept()[0] as connection:
            connection.sendall(b"\x16\x03\x03\x40\x00")  # there is more of it than ever comes
            for _ in range(200):
                if ended.wait(0.05):
                    return
                connection.sendall(b"\x02")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=[server], daemon=True).start()
        with pytest.raises(Failure, match=r"it comes too slowly: less than 64 kB in 0\.5 s"):
            download.find(f"https://127.0.0.1:{server.getsockname()[1]}/bundle")
    ended.set()


@pytest.mark.parametrize(
    "word",
    [
        "ftp://x/y",
        "file:///etc/shadow",
        "http://",
        "bundle.raucb",
        "http://a b/",
        "http://x:port/",
        "http://x/\n",
        "http://[::1/",
        "http://℀.example/",
        "http://" + "a" * 64 + ".example/",
        "http://x/\x1b[2J",
    ],
)
def test_only_http_is_an_address(word: str) -> None:
    with pytest.raises(Usage) as raised:
        download.find(word)
    assert raised.value.hint and str(raised.value).isprintable()


def test_a_server_that_is_believed_serves_over_tls(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_request, "OWN_AUTHORITIES", authority.place / "ca.pem")
    with serve({"bundle": DATA}, authority.issue("good")) as site:
        assert everything(f"{site.url}/breaks/bundle") == DATA
        assert download.part(download.find(f"{site.url}/whole/bundle"), 7, 9) == DATA[7:16]
        with pytest.raises(Failure, match=r"it leads to http://127\.0\.0\.1/bundle, which is not followed"):
            download.find(f"{site.url}/to/http://127.0.0.1/bundle")
        monkeypatch.setattr(web_request, "PACE_SECONDS", 0.5)
        with pytest.raises(Failure, match="it comes too slowly"):
            everything(f"{site.url}/slow/bundle")


@pytest.mark.parametrize(
    ("place", "days", "is_known", "words", "hint"),
    [
        ("IP:127.0.0.1", 9, False, "unable to get local issuer certificate", "add the certificate of its CA to /"),
        ("DNS:elsewhere.example", 9, True, "IP address mismatch", "use the name that its certificate is for"),
        ("IP:127.0.0.1", 0, True, "certificate has expired", "is the clock right"),
    ],
    ids=["unknown CA", "another name", "expired"],
)
def test_a_certificate_that_is_not_believed_is_said_with_what_to_do(
    place: str, days: int, is_known: bool, words: str, hint: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_known:
        monkeypatch.setattr(web_request, "OWN_AUTHORITIES", authority.place / "ca.pem")
    with serve({"bundle": DATA}, authority.issue(f"bad-{days}-{is_known}", place=place, days=days)) as site:
        with pytest.raises(Failure, match=f"the server's certificate is not believed: .*{words}") as raised:
            download.find(f"{site.url}/whole/bundle")
        assert hint in raised.value.hint
        assert site.asked == []


@pytest.mark.parametrize("is_intermediate", [False, True], ids=["no key usage", "intermediate"])
def test_an_operators_own_ca_is_believed_by_every_python(
    is_intermediate: bool, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As curl does: one that says no key usage, which Python itself refuses from 3.13 on, and an intermediate one alone, which
    it refused before."""
    genuine = ssl.create_default_context

    def create_strict_context() -> ssl.SSLContext:
        context = genuine()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", create_strict_context)
    own = authority.make_intermediate() if is_intermediate else authority
    monkeypatch.setattr(web_request, "OWN_AUTHORITIES", own.place / "ca.pem")
    with serve({"bundle": DATA}, own.issue(f"own-{is_intermediate}")) as site:
        assert everything(f"{site.url}/whole/bundle") == DATA


def test_a_server_without_tls_and_an_authority_that_is_none_are_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failure, match="there is no TLS with this server"):
        download.find(site.url.replace("http:", "https:") + "/whole/bundle")
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setattr(web_request, "OWN_AUTHORITIES", tmp_path / "ca.pem")
    with pytest.raises(Failure, match="it holds no certificates in PEM"):
        download.find(site.url.replace("http:", "https:") + "/whole/bundle")


def test_what_is_no_web_server_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words of its own, of which few are shown."""
    monkeypatch.setattr(download.time, "sleep", lambda _: None)

    def greet(server: socket.socket) -> None:
        for _ in range(1 + download.TRIES):
            with server.accept()[0] as connection:
                connection.recv(1 << 16)
                connection.sendall(b"SSH-2.0-OpenSSH\x1b[2J" + b"x" * 100 + b"\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=[server], daemon=True).start()
        with pytest.raises(
            Failure, match=r"it does not answer as a web server does, but says 'SSH-2\.0-OpenSSH\\x1b"
        ) as raised:
            download.find(f"http://127.0.0.1:{server.getsockname()[1]}/bundle")
    assert "\x1b" not in str(raised.value) and "x" * 60 not in str(raised.value)
