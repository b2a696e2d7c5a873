"""HTTP over our sockets: what a client asks is answered, and a client that misbehaves only ends itself."""

import asyncio
import json
import os
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from firmware import blocks, log, native
from firmware.blocks import Blocks
from firmware.errors import Failure
from firmware.http11 import blocking, quota, server, wire
from firmware.http11.client import Client, connect_unix
from firmware.http11.encoded import Encoded
from firmware.http11.quota import Quota
from firmware.http11.server import Handler, Request, serve
from firmware.http11.wire import LEAST_RATE, Response


async def echo(request: Request) -> Response:
    if request.path == "/slow":
        await asyncio.sleep(60)
    return Response(200, {"method": request.method, "path": request.path, "size": len(request.body)})


def against_server(
    tmp_path: Path, story: Callable[[Path], Awaitable[None]], limit: int = 1000, handler: Handler = echo,
    made: Callable[[], Quota] = Quota,
) -> None:  # fmt: skip
    async def play() -> None:
        socket, shared = tmp_path / "s", made()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve(reader, writer, handler, limit, shared)

        server = await asyncio.start_unix_server(connected, str(socket))
        await asyncio.wait_for(story(socket), 20)
        server.close()

    asyncio.run(play())


def test_one_connection_many_requests(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        for size in (0, 5, 900):
            content = {"x": "y" * size}
            answer = await client.request("POST", "/p", content)
            assert answer == Response(200, {"method": "POST", "path": "/p", "size": len(json.dumps(content))})
        assert client.is_open
        answers = await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(5)))
        assert [answer.content["path"] for answer in answers] == [f"/{number}" for number in range(5)]

    against_server(tmp_path, story)


def test_a_body_that_is_too_large_is_refused_and_others_are_served(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        other, client = await connect_unix(socket), await connect_unix(socket)
        assert (await client.request("POST", "/", {"x": "y" * 2000})).status == 413
        assert (await other.request("GET", "/")).status == 200

    against_server(tmp_path, story)


def test_a_request_that_nobody_read_is_not_kept_while_the_next_one_is_waited_for(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        tracemalloc.start()
        try:
            answer = await client.request("POST", "/p", {"x": "y" * 5_000_000})
            await asyncio.sleep(0.1)
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.content["size"] > 5_000_000 and client.is_open
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
        assert (await (await connect_unix(socket)).request("GET", "/")).status == 200

    against_server(tmp_path, story)


def test_time_limit_and_broken_connection_are_failures(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        with pytest.raises(Failure, match=r"no answer within 0\.1 s"):
            await client.request("GET", "/slow", timeout=0.1)
        assert not client.is_open
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
        client: Client = await connect_unix(tmp_path / "s")
        with pytest.raises(Failure, match="the connection broke"):
            await client.request("GET", "/")
        server.close()

    asyncio.run(play())


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def said(socket: Path, *sent: bytes) -> bytes:
    """What comes back, until the other side closes."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    for data in sent:
        writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("name", "sent", "status", "says"),
    [
        ("HEAD_SECONDS", b"POST / HT", b" 408 ", b"its head is not complete after 0.2 s"),
        ("BODY_SECONDS", HEAD + b"Content-Length: 9\r\n\r\n{", b" 408 ", b"its body is not complete after 0.2 s"),
    ],
)
def test_a_request_that_does_not_end_is_turned_away_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sent: bytes, status: bytes, says: bytes
) -> None:
    monkeypatch.setattr(server, name, 0.2)

    async def story(socket: Path) -> None:
        answer = await said(socket, sent)
        assert status in answer and says in answer

    against_server(tmp_path, story)


def test_a_connection_that_has_not_begun_a_request_may_take_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.1)

    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        for _ in range(2):
            await asyncio.sleep(0.3)
            assert (await client.request("GET", "/")).status == 200

    against_server(tmp_path, story)


def test_who_does_not_read_its_answers_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)

    async def much(request: Request) -> Response:
        return Response(200, {"much": "x" * 1_000_000})

    async def story(socket: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(socket), limit=1000)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 9)
        await asyncio.sleep(1)
        received = 0
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                received += len(data)
        assert received < 1_000_000, "only what had been on its way already"
        writer.close()
        # its place is free again
        assert (await (await connect_unix(socket)).request("GET", "/")).status == 200

    against_server(tmp_path, story, handler=much, made=lambda: Quota(1))


def test_a_client_that_sends_on_still_sees_why_it_was_turned_away(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(HEAD + b"Content-Length: 9000000\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)
        for _ in range(90):
            writer.write(b"x" * 100_000)
            await writer.drain()
        assert b"larger than 1000 bytes" in await reader.read()

    against_server(tmp_path, story)


def test_connections_beyond_the_quota_are_turned_away_and_make_room_when_they_end(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        held = [await connect_unix(socket) for _ in range(3)]
        for client in held:
            assert (await client.request("GET", "/")).status == 200
        answer = await said(socket)
        assert b" 503 " in answer and b"more than 3 connections at a time" in answer
        held.pop().close()
        await asyncio.sleep(0.1)
        assert (await (await connect_unix(socket)).request("GET", "/")).status == 200

    against_server(tmp_path, story, made=lambda: Quota(3))


def test_a_client_gets_so_many_answers_at_a_time(tmp_path: Path) -> None:
    now = most = 0

    async def slow(request: Request) -> Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return Response(200, {})

    async def story(socket: Path) -> None:
        clients = [await connect_unix(socket) for _ in range(8)]
        answers = await asyncio.gather(*(client.request("GET", "/") for client in clients for _ in range(3)))
        assert [answer.status for answer in answers] == [200] * 24
        assert most == 2

    against_server(tmp_path, story, handler=slow, made=lambda: Quota(8, 2))


def test_one_large_body_at_a_time_and_small_ones_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "LARGE_BODY_SECONDS", 0.3)
    large = HEAD + b"Content-Length: 100000\r\n\r\n"

    async def story(socket: Path) -> None:
        _, first = await asyncio.open_unix_connection(str(socket))
        first.write(large)
        await asyncio.sleep(0.1)
        second = asyncio.create_task(said(socket, large + b"x" * 100_000))
        assert (await (await connect_unix(socket)).request("POST", "/", {"small": 1})).status == 200
        answer = await second
        assert b" 503 " in answer and b"another large one" in answer
        first.close()
        await asyncio.sleep(0.1)
        client = await connect_unix(socket)
        assert (await client.request("POST", "/", {"x": "x" * 100_000})).status == 200

    against_server(tmp_path, story, limit=1_000_000)


def test_pipelined_requests_let_others_in_between(tmp_path: Path) -> None:
    order: list[str] = []

    async def noted(request: Request) -> Response:
        order.append(request.path)
        return Response(200, {})

    async def story(socket: Path) -> None:
        _, writer = await asyncio.open_unix_connection(str(socket))
        other = await connect_unix(socket)
        await other.request("GET", "/other")
        writer.write(b"GET /many HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
        await asyncio.sleep(0)
        await other.request("GET", "/other")
        assert order.count("/many") < 1000
        writer.close()

    against_server(tmp_path, story, handler=noted)


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b" 411 ", b"Content-Length"),
        (HEAD + b"Content-Length: 1001\r\n\r\n", b" 413 ", b"larger than 1000 bytes"),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b" 400 ", b"not HTTP"),
        (HEAD + b"X: " + b"x" * 20_000, b" 431 ", b"not HTTP"),
        (b"HEAD / HTTP/1.0\r\n\r\n", b" 200 ", b""),
        (
            HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 100 ",
            b'"size": 2',
        ),
    ],
    ids=["chunked", "too long", "a length of 5000 digits", "a long header", "HEAD", "Expect"],
)
def test_what_http_allows_and_a_server_need_not_take(tmp_path: Path, sent: bytes, status: bytes, says: bytes) -> None:
    async def story(socket: Path) -> None:
        answer = await said(socket, sent)
        assert status in answer and says in answer

    against_server(tmp_path, story)


def test_an_answer_without_end_is_a_failure_and_not_all_our_memory(tmp_path: Path) -> None:
    sent = 0

    async def play() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            with suppress(ConnectionError):
                while sent < 100 << 20:
                    writer.write(b"x" * 65536)
                    await writer.drain()
                    sent += 65536
            writer.close()

        server = await asyncio.start_unix_server(connected, str(tmp_path / "s"))
        client = await connect_unix(tmp_path / "s")
        with pytest.raises(Failure, match="the answer: larger than"):
            await client.request("GET", "/")
        assert not client.is_open
        server.close()

    asyncio.run(play())
    assert sent < 30 << 20


def test_one_question_without_asyncio(tmp_path: Path) -> None:
    def ask(path: Path) -> Response:
        with socket(AF_UNIX) as connection:
            connection.connect(str(path))
            return blocking.request(connection, "POST", "/p", {"x": "y" * 900}, timeout=5)

    async def story(path: Path) -> None:
        assert await asyncio.to_thread(ask, path) == Response(200, {"method": "POST", "path": "/p", "size": 909})

    against_server(tmp_path, story)


def test_a_bug_in_an_answer_is_said_by_its_number_and_ends_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "SYSLOG", str(tmp_path / "none"))
    monkeypatch.setattr(log, "FALLBACK", tmp_path / "errors.log")

    async def handler(request: Request) -> Response:
        raise KeyError("a secret of ours")

    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        for _ in range(2):
            answer = await client.request("GET", "/p")
            said, hint = str(answer.content["error"]), str(answer.content["hint"])
            assert (
                answer.status == 500
                and said.startswith("an error inside the program (number ")
                and "secret" not in said
            )
            assert hint.split()[1] in said and hint.split()[1] in (tmp_path / "errors.log").read_text()

    against_server(tmp_path, story, handler=handler)
    assert capsys.readouterr().err.count("Traceback") == 2


async def read_blocks(request: Request) -> Response:
    assert request.file is not None and not request.body
    found = Blocks(request.file)
    return Response(200, {"digest": native.bytes_digest(found.read(0, found.size)), "words": "again " * 1000})


def blocks_of(data: bytes, *, size_is_known: bool) -> Encoded:
    body = b"".join(blocks.encode([data], blocks.ZSTD))
    return Encoded(len(body) if size_is_known else None, lambda: iter([body[:1000], body[1000:]]), blocks.TYPE)


@pytest.mark.parametrize("size_is_known", [True, False])
def test_a_body_of_blocks_lies_in_a_file_whether_its_size_is_known_before_or_not(
    tmp_path: Path, size_is_known: bool
) -> None:
    data = os.urandom(300_000)

    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        for _ in range(2):
            answer = await client.request("POST", "/p", blocks_of(data, size_is_known=size_is_known))
            assert answer.content == {"digest": native.bytes_digest(data), "words": "again " * 1000}

    against_server(tmp_path, story, 1 << 20, read_blocks)


def test_a_large_body_has_to_go_on_and_to_come_at_some_rate() -> None:
    """One over a slow line is taken, however long it takes; one that stops, or drips, is given up."""
    for size in (0, 1 << 20, 128 << 20):
        fast, dripping = size / LEAST_RATE / 2, size / LEAST_RATE + server.BODY_SECONDS
        assert server.end_of_patience(10.0, 10.0 + fast, size) == 10.0 + fast + server.BODY_SECONDS
        assert server.end_of_patience(10.0, 10.0 + dripping + 1, size) < 10.0 + dripping + 1


def test_a_body_of_blocks_that_stops_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2)
    head = f"POST /p HTTP/1.1\r\nHost: x\r\nContent-Type: {blocks.TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    async def story(socket: Path) -> None:
        for begun in (b"", b"5\r\nab", b"5\r\nabcde\r\n"):
            found = await said(socket, head + begun)
            assert b" 408 " in found and b"its body does not go on" in found

    against_server(tmp_path, story, 1 << 20, read_blocks)


def test_who_is_refused_while_it_still_sends_hears_why(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        answer = await client.request("POST", "/p", blocks_of(os.urandom(16 << 20), size_is_known=False))
        assert (answer.status, answer.content["error"]) == (413, "the message: larger than 100000 bytes")
        assert not client.is_open

    against_server(tmp_path, story, 100_000, read_blocks)


def test_the_room_for_a_body_of_blocks_is_asked_for_each_time(tmp_path: Path) -> None:
    rooms = iter([1000, 1 << 20])

    async def story(socket: Path) -> None:
        for status in (413, 200):
            client = await connect_unix(socket)
            answer = await client.request("POST", "/p", blocks_of(os.urandom(50_000), size_is_known=False))
            assert answer.status == status

    against_server(tmp_path, story, 10, read_blocks, lambda: Quota(spool_room=lambda: next(rooms)))


def test_a_body_of_blocks_ends_when_others_have_taken_the_memory(tmp_path: Path) -> None:
    rooms = iter([8 << 20, 1 << 20, 0])

    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        answer = await client.request("POST", "/p", blocks_of(os.urandom(4 << 20), size_is_known=False))
        assert (answer.status, answer.content["error"]) == (
            413,
            "the message: there is no memory left for the rest of it",
        )

    against_server(tmp_path, story, 10, read_blocks, lambda: Quota(spool_room=lambda: next(rooms)))


def test_a_body_of_chunks_is_bounded_as_well(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        client = await connect_unix(socket)
        answer = await client.request("POST", "/p", blocks_of(os.urandom(300_000), size_is_known=False))
        assert (answer.status, answer.content["error"]) == (413, "the message: larger than 100000 bytes")
        assert await said(socket, b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

    against_server(tmp_path, story, 100_000, read_blocks)


def test_an_answer_is_compressed_for_who_takes_that_and_bounded_before_it_is_unpacked(tmp_path: Path) -> None:
    async def story(socket: Path) -> None:
        head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        plain, small = (
            await said(socket, head + b"\r\n"),
            await said(socket, head + b"Accept-Encoding: deflate\r\n\r\n"),
        )
        assert len(plain) > 20_000 > 1000 > len(small)

    async def handler(request: Request) -> Response:
        return Response(200, {"words": "again " * 4000})

    against_server(tmp_path, story, handler=handler)
    bomb = zlib.compress(bytes(64 << 20))
    reader = wire.ResponseReader(wire.client_protocol())
    for piece in wire.encode_request(reader.protocol, "GET", "/", None):
        assert piece
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with pytest.raises(Failure, match="the answer: larger than"):
        reader.feed(head + bomb)
    assert len(reader.body) <= wire.ANSWER_LIMIT + 1


def test_what_is_said_before_an_answer_arrives_before_it(tmp_path: Path) -> None:
    told: list[object] = []

    async def handler(request: Request) -> Response:
        request.inform({"bytes": 1})
        await asyncio.sleep(0)
        request.inform({"bytes": 2})
        return Response(200, {})

    def ask(path: Path) -> Response:
        with socket(AF_UNIX) as connection:
            connection.connect(str(path))
            return blocking.request(connection, "POST", "/p", {}, timeout=5, on_information=told.append)

    async def story(path: Path) -> None:
        assert await asyncio.to_thread(ask, path) == Response(200, {})

    against_server(tmp_path, story, handler=handler)
    assert told == [{"bytes": 1}, {"bytes": 2}]
