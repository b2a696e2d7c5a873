"""Frames: how the two halves of the web UI speak over a Unix socket, and where what came over it is bounded.

A frame is four bytes with the length of its content, the highest first, one byte that names its kind, and the content. A
connection is one exchange: MESSAGE, DATA as often as there is, END, from the one who asks, and then from the one who
answers. A channel is a connection on which both send as they like until one of them ends it.

Functions with `connection` are for sockets that block, `read_frame` is for asyncio; who writes there sends what
`encode_message`, `encode_data` and `encode_end` make.
"""

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from firmware.errors import Failure
from firmware.http11.json_body import parse_body

#: the kinds: a JSON object that opens or says something · bytes · a JSON object that is the last thing said
MESSAGE, DATA, END = "H", "D", "E"
#: bytes that a frame may hold, and those that a frame of bytes is given
MAX_CONTENT, PIECE = 1 << 20, 1 << 16

_HEAD = struct.Struct(">Ic")
_KINDS = {kind.encode() for kind in (MESSAGE, DATA, END)}


class FrameReader(Protocol):
    """What `read_frame` reads from: an asyncio.StreamReader."""

    async def readexactly(self, size: int, /) -> bytes:
        """So many bytes; EOFError if the connection ends before."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its kind and its content."""

    kind: str
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of a MESSAGE or an END, within the bounds of `http11.json_body`; Failure if it is none."""
        if self.kind == DATA:
            raise Failure("the frame: bytes where a message belongs")
        return parse_body(bytearray(self.content))


def encode_message(body: Mapping[str, Any]) -> bytes:
    """A frame that opens or says something. Failure if it is too long."""
    return _encode(MESSAGE, json.dumps(body).encode("ascii"))


def encode_end(body: Mapping[str, Any] | None = None) -> bytes:
    """The frame after which nothing comes: an empty object, or the problem with which it ends."""
    return _encode(END, json.dumps(body or {}).encode("ascii"))


def encode_data(content: bytes) -> Iterator[bytes]:
    """The bytes as frames, as many as they take; none for no bytes."""
    for start in range(0, len(content), PIECE):
        yield _encode(DATA, content[start : start + PIECE])


def _encode(kind: str, content: bytes) -> bytes:
    if len(content) > MAX_CONTENT:
        raise Failure(f"the frame: {len(content)} bytes, more than {MAX_CONTENT}")
    return _HEAD.pack(len(content), kind.encode()) + content


async def read_frame(reader: FrameReader) -> Frame | None:
    """The next frame; None where the connection ends instead. Failure if what comes is none, or breaks off."""
    try:
        first = await reader.readexactly(1)
    except EOFError:
        return None
    try:
        length, kind = _parse_head(first + await reader.readexactly(_HEAD.size - 1))
        return Frame(kind, await reader.readexactly(length))
    except EOFError:
        raise _broken_off() from None


def receive_frame(connection: socket.socket) -> Frame | None:
    """The same from a socket that blocks; TimeoutError if it has a time limit and nothing comes."""
    first = connection.recv(1)
    if not first:
        return None
    length, kind = _parse_head(first + _receive_exactly(connection, _HEAD.size - 1))
    return Frame(kind, _receive_exactly(connection, length))


def send_message(connection: socket.socket, body: Mapping[str, Any]) -> None:
    """Send a frame that opens or says something."""
    connection.sendall(encode_message(body))


def send_data(connection: socket.socket, content: bytes) -> None:
    """Send bytes, in as many frames as they take."""
    for frame in encode_data(content):
        connection.sendall(frame)


def send_end(connection: socket.socket, body: Mapping[str, Any] | None = None) -> None:
    """Send the last frame: nothing, or the problem with which it ends."""
    connection.sendall(encode_end(body))


def _parse_head(head: bytes) -> tuple[int, str]:
    length, kind = _HEAD.unpack(head)
    if kind not in _KINDS:
        raise Failure("the frame: of no kind that there is")
    if length > MAX_CONTENT:
        raise Failure(f"the frame: {length} bytes, more than {MAX_CONTENT}")
    return length, kind.decode()


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    content, place = bytearray(size), 0
    with memoryview(content) as view:
        while place < size:
            count = connection.recv_into(view[place:])
            if not count:
                raise _broken_off()
            place += count
    return bytes(content)


def _broken_off() -> Failure:
    return Failure("the frame: the connection ended in the middle of it")
