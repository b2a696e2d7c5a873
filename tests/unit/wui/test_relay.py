"""Requests of the API on their way to a session, which may be slow, large, or not what it should be."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from memory_peak import memory
from root_half import Reader, Writer, answer, body_length
from served_site import Reply, ServedSite, play, read_reply

from firmware import frames
from firmware.frames import END
from firmware.wui import relay


async def until(happened: Any) -> None:
    while not happened():
        await asyncio.sleep(0.01)


async def log_in(site: ServedSite) -> dict[str, str]:
    return {"Cookie": (await site.log_in()).cookie, **site.own_page}


def test_a_body_is_passed_on_as_it_comes_and_no_faster_than_it_is_taken(tmp_path: Path) -> None:
    """Whoever sends 2 GB fills neither memory nor disk here: it waits."""
    taking = asyncio.Event()

    async def take_late(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await taking.wait()
        await answer(writer, 200, {"size": await body_length(reader)})

    async def story(site: ServedSite) -> None:
        site.root.behaviour = take_late
        size = 64 << 20
        reader, writer = await site.connect()
        writer.write(site.request("PUT", "/api/v1/x", b"", {**await log_in(site), "Content-Length": str(size)}))
        sent = 0

        async def send_all() -> None:
            nonlocal sent
            while sent < size:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536

        sending = asyncio.create_task(send_all())
        await asyncio.wait([sending], timeout=1)
        assert sent < 16 << 20, "what the kernel holds on its way, and no more"
        taking.set()
        await sending
        assert (await read_reply(reader)).json == {"size": size}

    play(tmp_path, story)


@pytest.mark.all
def test_two_gigabytes_take_no_memory(tmp_path: Path) -> None:
    """Of the process, which is the sender and the root half, too."""

    async def story(site: ServedSite) -> None:
        size, piece = 2 << 30, bytes(1 << 18)
        reader, writer = await site.connect()
        writer.write(site.request("PUT", "/api/v1/x", b"", {**await log_in(site), "Content-Length": str(size)}))
        seen = []
        for number in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
            if number % 512 == 0:
                seen.append(memory("self", "VmRSS"))
        assert (await read_reply(reader)).json["size"] == size
        assert max(seen) < seen[0] + (16 << 20), seen

    play(tmp_path, story, seconds=120)


def test_an_answer_is_passed_on_as_it_comes_and_no_faster_than_it_is_read(tmp_path: Path) -> None:
    given = 0

    async def give(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        nonlocal given
        await body_length(reader)
        writer.write(
            frames.encode_message({"status": 200, "type": "application/octet-stream", "name": 'a/b\r\n"é.tar'})
        )
        for _ in range(1024):
            writer.write(next(frames.encode_data(bytes(65536))))
            await writer.drain()
            given += 65536
        writer.write(frames.encode_end())
        await writer.drain()

    async def story(site: ServedSite) -> None:
        site.root.behaviour = give
        reader, writer = await site.connect()
        writer.write(site.request("GET", "/api/v1/x", headers=await log_in(site)))
        writer.transport.pause_reading()
        seen = -1
        while (seen != given or not given) and given < 64 << 20:
            seen = given
            await asyncio.sleep(0.3)
        assert given < 32 << 20
        writer.transport.resume_reading()
        reply = await read_reply(reader)
        assert len(reply.body) == 64 << 20 and reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''a%2Fb%0D%0A%22%C3%A9.tar"

    play(tmp_path, story)


def test_an_answer_that_comes_early_is_told_and_the_rest_of_the_body_goes_nowhere(tmp_path: Path) -> None:
    async def refuse(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await answer(writer, 409, {"detail": "no room"}, type="application/problem+json")

    async def story(site: ServedSite) -> None:
        site.root.behaviour = refuse
        for size in (10, 8 << 20):
            reply = await site.ask("PUT", "/api/v1/x", bytes(size), **await log_in(site))
            assert (reply.status, reply.json) == (409, {"detail": "no room"})

    play(tmp_path, story)


def test_what_is_refused_at_the_door_takes_no_body(tmp_path: Path) -> None:
    """Also for who asks before sending it."""

    async def story(site: ServedSite) -> None:
        reader, writer = await site.connect()
        writer.write(site.request("PUT", "/api/v1/x", b"", {"Content-Length": str(2 << 30), "Expect": "100-continue"}))
        assert (await read_reply(reader)).status == 403
        headers = await log_in(site)
        assert (await site.ask("PUT", "/api/v1/x", Content_Length=str(relay.LIMIT + 1), **headers)).status in (400, 413)
        small = await site.ask("PUT", "/api/v1/x", bytes(1000), **site.own_page)
        assert small.status == 401, "a short one is read, so that its sender hears the answer"
        assert all(head["path"] == "/session" for head in site.root.asked)

    play(tmp_path, story)


@pytest.mark.parametrize(
    "said",
    [
        b"", b"nonsense that is no frame at all", b"\xff\xff\xff\xffH", frames.encode_end(), frames.encode_message({}),
        frames.encode_message({"status": "200"}), frames.encode_message({"status": 99}), frames.encode_message({"status": 1000}),
        frames.encode_message({"status": 200, "type": "text/html\r\nX: y"}), frames.encode_message({"status": 200}) + b"\x00",
        frames.encode_message({"status": True}), b"\x00\x00\x00\x03H[1]",
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_an_error_and_nothing_more(tmp_path: Path, said: bytes) -> None:
    async def lie(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await body_length(reader)
        writer.write(said)
        if b'"status"' in said and not said.endswith(b"\x00"):
            writer.write(frames.encode_end())
        await writer.drain()

    async def story(site: ServedSite) -> None:
        headers = await log_in(site)
        site.root.behaviour = lie
        reply = await site.ask("GET", "/api/v1/x", **headers)
        assert reply.status in (400, 502, 503) and reply.headers["content-type"] == "application/problem+json"
        site.root.behaviour = None
        assert (await site.ask("GET", "/api/v1/x", **headers)).status == 200, "the control"

    play(tmp_path, story)


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    async def break_off(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await body_length(reader)
        writer.write(frames.encode_message({"status": 200, "type": "text/plain"}))
        for _ in range(4):
            writer.write(next(frames.encode_data(bytes(65536))))
        await writer.drain()

    async def story(site: ServedSite) -> None:
        site.root.behaviour = break_off
        with pytest.raises((asyncio.IncompleteReadError, ValueError)):
            await site.ask("GET", "/api/v1/x", **await log_in(site))

    play(tmp_path, story)


def test_headers_are_passed_on_that_mean_something_and_no_others(tmp_path: Path) -> None:
    async def say(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await body_length(reader)
        headers = {
            "Allow": "GET",
            "Csyncd-Withheld": "2",
            "Set-Cookie": "a=b",
            "Content-Security-Policy": "none",
            "Location": "a\r\nb: c",
            "Retry-After": 3,
        }
        await answer(writer, 405, {}, headers=headers)

    async def story(site: ServedSite) -> None:
        site.root.behaviour = say
        said = (await site.ask("GET", "/api/v1/x", **await log_in(site))).headers
        assert (said["allow"], said["csyncd-withheld"], said["retry-after"]) == ("GET", "2", "3")
        assert "set-cookie" not in said and "location" not in said and "sandbox" in said["content-security-policy"]

    play(tmp_path, story)


def test_what_is_no_text_is_a_file_to_be_kept(tmp_path: Path) -> None:
    """A page that somebody put on the node would else be one of ours."""

    async def show(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await body_length(reader)
        await answer(writer, 200, {}, type="text/html")

    async def story(site: ServedSite) -> None:
        site.root.behaviour = show
        said = (await site.ask("GET", "/api/v1/x", **await log_in(site))).headers
        assert said["content-disposition"] == "attachment" and said["x-content-type-options"] == "nosniff"

    play(tmp_path, story)


def test_who_goes_away_leaves_nothing_open(tmp_path: Path) -> None:
    ended = 0

    async def wait(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        nonlocal ended
        try:
            while (frame := await frames.read_frame(reader)) and frame.kind != END:
                pass
            await reader.read()
        finally:
            ended += 1

    async def story(site: ServedSite) -> None:
        headers = await log_in(site)
        site.root.behaviour = wait
        for begun in (site.request("GET", "/api/v1/x", headers=headers), site.request("PUT", "/api/v1/x", b"", {**headers, "Content-Length": "9"}) + b"a"):  # fmt: skip
            before, asked = ended, len(site.root.asked)
            _, writer = await site.connect()
            writer.write(begun)
            await until(lambda asked=asked: len(site.root.asked) > asked)
            writer.transport.abort()
            await until(lambda before=before: ended > before)

    play(tmp_path, story)


@pytest.mark.parametrize("query", ["a=1&a=2", "%ff=1", "&".join(f"a{number}=1" for number in range(40))])
def test_a_query_that_cannot_be_understood_reaches_nobody(tmp_path: Path, query: str) -> None:
    async def story(site: ServedSite) -> None:
        reply: Reply = await site.ask("GET", f"/api/v1/x?{query}", **await log_in(site))
        assert reply.status == 400 and "query" in json.loads(reply.body)["detail"]
        assert not site.root.asked

    play(tmp_path, story)
