"""The web UI's connections over real sockets: counted before any handshake, which has its time."""

import asyncio
import ssl
from pathlib import Path

import pytest
from served_site import Connected, ServedSite, play, read_reply

from firmware.http11.admission import Admission
from firmware.run import run
from firmware.wui import listening
from firmware.wui.web import streams
from firmware.wui.web.streams import Rooms


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = str(tmp_path / "tls.pem")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    run(["openssl", "req", "-x509", *curve, "-subj", "/CN=test", "-keyout", made, "-out", made])
    monkeypatch.setattr(listening, "CERTIFICATE", made)


def rooms(most: int, most_of_one: int) -> Rooms:
    return Rooms(Admission(most, most_of_one), Admission(most, most_of_one))


async def is_answered(site: ServedSite, source: str = "127.0.0.1", on: Connected | None = None) -> bool:
    return (await site.ask("GET", "/login", on=on, source=source)).status == 200


async def is_ended(connected: Connected) -> bool:
    try:
        return await connected[0].read() == b""
    except ConnectionResetError:
        return True


def test_one_connection_many_requests(certificate: None, tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        connected = await site.connect()
        assert [await is_answered(site, on=connected) for _ in range(3)] == [True] * 3

    play(tmp_path, story, tls=True)


@pytest.mark.parametrize("tls", [True, False])
def test_the_oldest_of_an_address_is_ended_whatever_it_was_at(certificate: None, tmp_path: Path, tls: bool) -> None:
    async def story(site: ServedSite) -> None:
        held = [await site.connect("127.0.0.2", tls=tls) for _ in range(7)]
        ends = [asyncio.create_task(is_ended(one)) for one in held]
        assert await asyncio.gather(*ends[:3]) == [True] * 3
        assert not any(end.done() for end in ends[3:])
        assert await is_answered(site)

    play(tmp_path, story, tls=True, rooms=rooms(16, 4))


def test_whoever_holds_many_keeps_nobody_out(certificate: None, tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        for number in range(2, 6):
            for _ in range(4):
                await site.connect(f"127.0.0.{number}")
        assert await is_answered(site)

    play(tmp_path, story, tls=True, rooms=rooms(16, 4))


def test_strangers_take_no_place_from_who_has_logged_in(tmp_path: Path) -> None:
    """Not even from the same address, as behind one router."""

    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        mine, stranger = await site.connect(), await site.connect()
        assert (await site.ask("GET", "/api/v1/x", on=mine, Cookie=cookie)).status == 200
        for _ in range(8):
            await site.connect()
        assert await is_ended(stranger), "the control"
        assert (await site.ask("GET", "/api/v1/x", on=mine, Cookie=cookie)).status == 200

    play(tmp_path, story, rooms=rooms(16, 4))


def test_a_handshake_has_its_time(certificate: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HANDSHAKE_SECONDS", 0.2)

    async def story(site: ServedSite) -> None:
        begun = await site.connect()
        assert await is_ended(await site.connect(tls=False))
        assert await is_answered(site, on=begun), "the control: one whose handshake is complete is not ended"

    play(tmp_path, story, tls=True)


@pytest.mark.parametrize(
    "begun", [b"", b"GET /login HTTP/1.1\r\nHost:", b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"]
)
def test_without_a_login_a_connection_has_a_minute_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Slow heads and slow bodies, too. Who has logged in may take longer."""
    monkeypatch.setattr(streams, "CONNECTION_SECONDS", 0.5)

    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        reader, writer = await site.connect()
        writer.write(
            site.request("PUT", "/api/v1/x", b"", {"Cookie": cookie, "Content-Length": "2", **site.own_page}) + b"a"
        )
        slow = await site.connect()
        slow[1].write(begun)
        assert await is_ended(slow)
        writer.write(b"b")
        assert (await read_reply(reader)).json["size"] == 2

    play(tmp_path, story)


@pytest.mark.parametrize("tls", [True, False])
def test_places_are_given_back(certificate: None, tmp_path: Path, tls: bool) -> None:
    async def story(site: ServedSite) -> None:
        for speaks_tls in {tls, False}:
            held = [await site.connect(tls=speaks_tls) for _ in range(4)]
            for _, writer in held:
                writer.transport.abort()
        cookie = (await site.log_in()).cookie
        for _ in range(3):
            await site.ask("GET", "/api/v1/x", Cookie=cookie)
        while site.rooms.anybody._held or site.rooms.trusted._held:
            await asyncio.sleep(0)

    play(tmp_path, story, tls=tls, rooms=rooms(16, 4))


def test_nothing_is_spoken_but_ciphers_that_authenticate(certificate: None, tmp_path: Path) -> None:
    offered = listening.tls_context().get_ciphers()
    assert {cipher["protocol"] for cipher in offered} == {"TLSv1.2", "TLSv1.3"}
    assert all(cipher["aead"] for cipher in offered)

    async def story(site: ServedSite) -> None:
        assert site.tls
        site.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        site.tls.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await site.connect()
        site.tls.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        assert await is_answered(site), "the control"

    play(tmp_path, story, tls=True)
