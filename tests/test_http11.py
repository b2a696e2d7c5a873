"""HTTP over our sockets: what a client asks is answered, and a client that misbehaves only ends itself."""

import asyncio
import json
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware import http11
from firmware.errors import Failure
from firmware.http11 import Client, Request, Response


async def echo(request: Request) -> Response:
    if request.path == "/slow":
        await asyncio.sleep(60)
    return Response(200, {"method": request.method, "path": request.path, "size": len(request.body)})


def against_server(tmp_path: Path, story: Callable[[Path], Awaitable[None]], limit: int = 1000) -> None:
    async def play() -> None:
        socket = tmp_path / "s"

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await http11.serve(reader, writer, echo, limit)

        server = await asyncio.start_unix_server(connected, str(socket))
        await asyncio.wait_for(story(socket), 20)
        server.close()

    asyncio.run(play())


def test_one_connection_many_requests(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await http11.connect_unix(socket)
        for size in (0, 5, 900):
            content = {"x": "y" * size}
            answer = await client.request("POST", "/p", content)
            assert answer == Response(200, {"method": "POST", "path": "/p", "size": len(json.dumps(content))})
        assert client.open
        answers = await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(5)))
        assert [answer.content["path"] for answer in answers] == [f"/{number}" for number in range(5)]

    against_server(tmp_path, story)


def test_a_body_that_is_too_large_is_refused_and_others_are_served(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        other, client = await http11.connect_unix(socket), await http11.connect_unix(socket)
        assert (await client.request("POST", "/", {"x": "y" * 2000})).status == 413
        assert (await other.request("GET", "/")).status == 200

    against_server(tmp_path, story)


def test_a_request_that_nobody_read_is_not_kept_while_the_next_one_is_waited_for(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await http11.connect_unix(socket)
        tracemalloc.start()
        try:
            answer = await client.request("POST", "/p", {"x": "y" * 5_000_000})
            await asyncio.sleep(0.1)
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.content["size"] > 5_000_000 and client.open
        assert left < 1_000_000

    against_server(tmp_path, story, limit=6_000_000)


@pytest.mark.parametrize(
    "sent",
    [
        b"rubbish\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"X" * 100_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_an_error_or_an_end(tmp_path: Path, sent: bytes) -> None:
    async def story(socket: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(sent)
        answer = await reader.read(9)
        assert answer in (b"HTTP/1.1 ", b"")
        assert (await (await http11.connect_unix(socket)).request("GET", "/")).status == 200

    against_server(tmp_path, story)


def test_time_limit_and_broken_connection_are_failures(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await http11.connect_unix(socket)
        with pytest.raises(Failure, match=r"no answer within 0\.1 s"):
            await client.request("GET", "/slow", timeout=0.1)
        assert not client.open
        with pytest.raises(Failure):
            await client.request("GET", "/")

    against_server(tmp_path, story)


def test_a_server_that_closes_in_the_middle(tmp_path: Path) -> None:
    async def play() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            writer.close()

        server = await asyncio.start_unix_server(connected, str(tmp_path / "s"))
        client: Client = await http11.connect_unix(tmp_path / "s")
        with pytest.raises(Failure, match="the connection broke"):
            await client.request("GET", "/")
        server.close()

    asyncio.run(play())
