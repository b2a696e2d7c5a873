"""The WebSocket of a tab, as a browser speaks it, and its channels."""

import asyncio
import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from root_half import Reader, Writer
from served_site import ServedSite, play
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from firmware import frames
from firmware.frames import END
from firmware.wui import live


async def connect(site: ServedSite, **headers: str) -> WebSocketClientConnection:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await websocket_connect(HTTPRequest(f"ws://{site.host}/live", headers=named), max_message_size=4 << 20)


async def tab_of(site: ServedSite) -> WebSocketClientConnection:
    """A tab of somebody who has logged in."""
    return await connect(site, Cookie=(await site.log_in()).cookie, Origin=site.origin)


async def say(tab: WebSocketClientConnection, **message: Any) -> None:
    await tab.write_message(json.dumps(message))


async def hear(tab: WebSocketClientConnection) -> Any:
    said = await tab.read_message()
    return json.loads(said) if isinstance(said, str) else said


async def echo(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
    """A channel that says its head, then all that it hears, until it hears {"end": …}."""
    writer.write(frames.encode_message({"path": head["path"], "query": head["query"], "method": head["method"]}))
    while (frame := await frames.read_frame(reader)) and frame.kind != END:
        if frame.kind == frames.DATA:
            writer.write(next(frames.encode_data(frame.content[::-1])))
        elif "end" in frame.body:
            writer.write(frames.encode_end(frame.body["end"]))
            return
        else:
            writer.write(frames.encode_message(frame.body))
        await writer.drain()


def test_messages_and_bytes_go_both_ways_and_a_channel_ends_as_it_says(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        site.root.behaviour = echo
        tab = await tab_of(site)
        await say(tab, open=7, channel="services", params={"a": [1]})
        assert await hear(tab) == {
            "from": 7,
            "message": {"path": "/services", "query": {"a": [1]}, "method": "CHANNEL"},
        }
        await say(tab, to=7, message={"x": "é"})
        assert await hear(tab) == {"from": 7, "message": {"x": "é"}}
        await tab.write_message(struct.pack(">I", 7) + b"abc", binary=True)
        assert await hear(tab) == struct.pack(">I", 7) + b"cba"
        await say(tab, open=8, channel="terminal")
        assert (await hear(tab))["from"] == 8
        await say(tab, to=7, message={"end": {"status": 500, "detail": "ended"}})
        assert await hear(tab) == {"end": 7, "problem": {"status": 500, "detail": "ended"}}
        await say(tab, to=8, message={"end": {}})
        assert await hear(tab) == {"end": 8, "problem": None}
        await say(tab, open=7, channel="push/haproxy")
        assert (await hear(tab))["message"]["path"] == "/push/haproxy", "its number is free again"

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403), ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Origin": "OWN", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Origin": "OWN", "Cookie": ""}, 401), ({"Origin": "OWN", "Cookie": "a=b"}, 401),
        ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": "Bearer right", "Origin": "https://evil.example"}, 403),
    ],
)  # fmt: skip
def test_nobody_else_opens_one(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        sent = {name: site.origin if value == "OWN" else value for name, value in headers.items()}
        with pytest.raises(HTTPClientError) as refused:
            await connect(site, **{"Cookie": cookie, **sent})
        assert refused.value.code == status
        assert await connect(site, Cookie=cookie, Origin=site.origin), "the control"
        assert await connect(site, Authorization="Bearer right"), "the control: a program with a token"

    play(tmp_path, story)


@pytest.mark.parametrize(
    "said",
    [
        "", "{", "[]", "{}", '{"open": "1"}', '{"open": true, "channel": "x"}', '{"open": -1}', '{"open": 4294967296}', '{"to": 1.5}',
        '{"open": 1, "channel": "x", "params": []}', '{"to": 1, "message": 5}', b"", b"abc", "[" * 5000,
    ],
)  # fmt: skip
def test_what_makes_no_sense_ends_the_tab_and_nothing_else(tmp_path: Path, said: str | bytes) -> None:
    async def story(site: ServedSite) -> None:
        site.root.behaviour = echo
        tab, other = await tab_of(site), await tab_of(site)
        await say(other, open=1, channel="x")
        await hear(other)
        await tab.write_message(said, binary=isinstance(said, bytes))
        assert await hear(tab) is None and tab.close_code == 4400 and tab.close_reason
        await say(other, to=1, message={"still": "here"})
        assert await hear(other) == {"from": 1, "message": {"still": "here"}}

    play(tmp_path, story)


def test_what_is_meant_for_a_channel_that_has_ended_is_nobodys(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        site.root.behaviour = echo
        tab = await tab_of(site)
        await say(tab, to=3, message={})
        await say(tab, close=3)
        await tab.write_message(struct.pack(">I", 3) + b"x", binary=True)
        await say(tab, open=3, channel="../session")
        assert (await hear(tab))["problem"]["status"] == 404
        await say(tab, open=3, channel="x")
        assert (await hear(tab))["from"] == 3

    play(tmp_path, story)


def test_a_tab_has_so_many_channels_and_closes_them(tmp_path: Path) -> None:
    gone = 0

    async def wait(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        nonlocal gone
        with contextlib.suppress(OSError):
            await reader.read()
        gone += 1

    async def story(site: ServedSite) -> None:
        site.root.behaviour = wait
        tab = await tab_of(site)
        for number in range(live.MOST + 1):
            await say(tab, open=number, channel="x")
        assert (await hear(tab))["problem"]["status"] == 429
        await say(tab, close=0)
        while gone < 1:
            await asyncio.sleep(0.01)
        tab.close()
        while gone < live.MOST:
            await asyncio.sleep(0.01)

    play(tmp_path, story)


def test_a_browser_that_does_not_read_stops_its_channels(tmp_path: Path) -> None:
    told = 0

    async def flood(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        nonlocal told
        while True:
            writer.write(next(frames.encode_data(bytes(65536))))
            await writer.drain()
            told += 65536

    async def story(site: ServedSite) -> None:
        site.root.behaviour = flood
        cookie = (await site.log_in()).cookie
        reader, writer = await site.connect()
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
        writer.write(site.request("GET", "/live", headers={**upgrade, "Cookie": cookie, "Origin": site.origin}))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        said = b'{"open": 1, "channel": "x"}'
        writer.write(bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)
        seen = -1
        while (seen != told or not told) and told < 64 << 20:
            seen = told
            await asyncio.sleep(0.3)
        assert told < 16 << 20
        writer.transport.resume_reading()
        while told < seen + (1 << 20):
            await reader.read(1 << 20)

    play(tmp_path, story)


def test_a_channel_that_takes_nothing_is_ended_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.3)

    async def ignore(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await asyncio.sleep(25)

    async def story(site: ServedSite) -> None:
        site.root.behaviour = ignore
        tab = await tab_of(site)
        await say(tab, open=1, channel="x")
        for _ in range(8):
            await tab.write_message(struct.pack(">I", 1) + bytes(400_000), binary=True)
        assert (await hear(tab))["problem"]["status"] == 503

    play(tmp_path, story)


def test_channels_of_a_session_that_is_over_say_so(tmp_path: Path) -> None:
    async def end(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        pass

    async def story(site: ServedSite) -> None:
        site.root.behaviour = end
        tab = await tab_of(site)
        await say(tab, open=1, channel="x")
        assert (await hear(tab))["problem"]["status"] == 502, "it has ended, and the session has not"
        site.root.end_session("session1")
        await say(tab, open=1, channel="x")
        assert (await hear(tab))["problem"]["status"] == 401

    play(tmp_path, story)


def test_tabs_are_told_when_the_web_ui_stops(tmp_path: Path) -> None:
    async def story(site: ServedSite) -> None:
        site.root.behaviour = echo
        tab = await tab_of(site)
        await say(tab, open=1, channel="x")
        await hear(tab)
        await site.server.stop()
        assert await hear(tab) is None and tab.close_code == 1001

    play(tmp_path, story)


def test_what_is_under_way_when_it_stops_comes_to_its_end(tmp_path: Path) -> None:
    async def answer_late(head: dict[str, Any], reader: Reader, writer: Writer) -> None:
        await asyncio.sleep(0.3)
        writer.write(frames.encode_message({"status": 204}) + frames.encode_end())

    async def story(site: ServedSite) -> None:
        cookie = (await site.log_in()).cookie
        site.root.behaviour = answer_late
        asking = asyncio.create_task(site.ask("GET", "/api/v1/x", Cookie=cookie))
        while not site.root.asked:
            await asyncio.sleep(0.01)
        await site.server.stop()
        assert (await asking).status == 204

    play(tmp_path, story)
