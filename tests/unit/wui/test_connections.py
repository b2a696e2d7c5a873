"""The web UI's connections over real sockets: counted before any handshake, which has its time."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from firmware.http11.admission import Admission
from firmware.http11.server import Request
from firmware.http11.wire import Response
from firmware.run import run
from firmware.services.declared.wui import Address
from firmware.wui import connections, listening

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answer(request: Request) -> Response:
    return Response(200, {"path": request.path})


class Server:
    """One that serves TLS at an address of the loopback."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.trusting.check_hostname, self.trusting.verify_mode = False, ssl.CERT_NONE

    async def connect(self, source: str = "127.0.0.1", *, tls: bool = True) -> Connected:
        here = (source, 0)
        return await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=here, ssl=self.trusting if tls else None
        )

    async def ask(self, connected: Connected) -> bytes:
        connected[1].write(b"GET /here HTTP/1.1\r\nHost: me\r\n\r\n")
        return await connected[0].readuntil(b"\r\n")

    async def is_answered(self, source: str) -> bool:
        return b" 200 " in await self.ask(await self.connect(source))


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = str(tmp_path / "tls.pem")
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-noenc",
        "-subj",
        "/CN=test",
        "-keyout",
    ]
    run(["openssl", *words, made, "-out", made])
    monkeypatch.setattr(listening, "CERTIFICATE", made)


@contextlib.asynccontextmanager
async def serving(most: int = 64, most_of_one: int = 16) -> AsyncIterator[Server]:
    (listener,) = listening.open_listeners(Address("127.0.0.1", 0, True))
    admission = Admission(most, most_of_one)
    accepting = asyncio.create_task(connections.accept(listener, admission, listening.tls_context(), answer))
    yield Server(listener.getsockname()[1])
    accepting.cancel()
    listener.close()


def play(story: Callable[[Server], Awaitable[None]]) -> None:
    async def run_story() -> None:
        async with asyncio.timeout(20), serving() as server:
            await story(server)

    asyncio.run(run_story())


def test_one_connection_many_requests(certificate: None) -> None:
    async def story(server: Server) -> None:
        connected = await server.connect()
        for _ in range(3):
            assert b" 200 " in await server.ask(connected)
            await connected[0].readuntil(b"}\n")

    play(story)


@pytest.mark.parametrize("tls", [True, False])
def test_the_oldest_of_an_address_is_ended_whatever_it_was_at(certificate: None, tls: bool) -> None:
    async def story(server: Server) -> None:
        held = [await server.connect("127.0.0.2", tls=tls) for _ in range(connections.MOST_OF_ONE + 3)]
        ends = [asyncio.create_task(reader.read()) for reader, _ in held]
        await asyncio.gather(*ends[:3], return_exceptions=True)
        assert not any(end.done() for end in ends[3:])
        assert await server.is_answered("127.0.0.1")

    play(story)


def test_a_handshake_has_its_time(certificate: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.2)

    async def story(server: Server) -> None:
        begun = await server.connect()
        silent = await server.connect(tls=False)
        assert await silent[0].read() == b"", "it is ended"
        assert b" 200 " in await server.ask(begun), "the control: one whose handshake is complete is not"

    play(story)


def test_a_connection_of_tls_takes_little_memory(certificate: None) -> None:
    assert asyncio.sslproto.SSLProtocol.max_size == 16384

    async def story(server: Server) -> None:
        reader, writer = await server.connect()
        writer.write(b"GET /" + b"x" * 7000 + b" HTTP/1.1\r\nHost: me\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"\r\n")
        assert b"x" * 7000 in await reader.readuntil(b"}\n")

    play(story)


def test_nothing_is_spoken_but_ciphers_that_authenticate(certificate: None) -> None:
    offered = listening.tls_context().get_ciphers()
    assert {cipher["protocol"] for cipher in offered} == {"TLSv1.2", "TLSv1.3"}
    assert all(cipher["aead"] for cipher in offered)

    async def story(server: Server) -> None:
        server.trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        server.trusting.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await server.connect()
        server.trusting.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        assert await server.is_answered("127.0.0.1"), "the control"

    play(story)


def test_it_listens_at_every_address_of_both_families_unless_it_is_told_one() -> None:
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(one) for one in listening.open_listeners(Address("", 0, True))]
        (one,) = (stack.enter_context(one) for one in listening.open_listeners(Address("127.0.0.1", 0, True)))
        assert one.getsockname()[0] == "127.0.0.1"
        assert [each.family for each in both] == [socket.AF_INET, socket.AF_INET6]
