"""Frames: what comes over a socket between the halves of the web UI, and what does not."""

import asyncio
import json
import socket
import struct
from collections.abc import Iterator

import pytest

from firmware import frames
from firmware.errors import Failure
from firmware.frames import DATA, END, MAX_CONTENT, MESSAGE, PIECE, Frame


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        theirs.settimeout(5)
        yield ours, theirs


def test_what_is_sent_arrives_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    frames.send_message(ours, {"path": "/services", "ü": "ü"})
    frames.send_data(ours, b"\0binary\xff")
    frames.send_end(ours)
    ours.close()

    received = [frames.receive_frame(theirs) for _ in range(4)]

    assert [frame and frame.kind for frame in received] == [MESSAGE, DATA, END, None]
    assert received[0] and received[0].body == {"path": "/services", "ü": "ü"}
    assert received[1] and received[1].content == b"\0binary\xff"
    assert received[2] and received[2].body == {}


def test_much_data_comes_in_frames_of_a_bounded_size() -> None:
    content = bytes(2 * PIECE + 7)

    sizes = [len(frame) - 5 for frame in frames.encode_data(content)]

    assert sizes == [PIECE, PIECE, 7]
    assert [*frames.encode_data(b"")] == []


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(Failure, match="more than"):
        frames.encode_message({"text": "x" * MAX_CONTENT})


BROKEN = {
    "too long": struct.pack(">Ic", MAX_CONTENT + 1, b"D"),
    "four gigabytes": b"\xff\xff\xff\xffH",
    "no kind": struct.pack(">Ic", 1, b"X") + b"x",
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "breaks off in the head": b"\0\0",
    "breaks off in the content": struct.pack(">Ic", 9, b"H") + b"{}",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_is_no_frame_is_a_failure_on_both_sides(sent: bytes, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.sendall(sent)
    ours.close()

    with pytest.raises(Failure, match="the frame"):
        frames.receive_frame(theirs)
    with pytest.raises(Failure, match="the frame"):
        asyncio.run(_read_frame(sent))


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}', b'{"a":1,"a":2}'])
def test_a_message_that_is_no_json_object_is_a_failure(content: bytes) -> None:
    with pytest.raises(Failure):
        _ = Frame(MESSAGE, content).body


def test_bytes_are_no_message() -> None:
    with pytest.raises(Failure, match="bytes where a message belongs"):
        _ = Frame(DATA, b"{}").body


def test_asyncio_reads_the_same_frames() -> None:
    sent = frames.encode_message({"a": 1})

    frame = asyncio.run(_read_frame(sent))

    assert frame == Frame(MESSAGE, json.dumps({"a": 1}).encode())
    assert asyncio.run(_read_frame(b"")) is None


async def _read_frame(sent: bytes) -> Frame | None:
    reader = asyncio.StreamReader()
    reader.feed_data(sent)
    reader.feed_eof()
    return await frames.read_frame(reader)
