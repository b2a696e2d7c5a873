"""HTTP/1.1 as bytes: requests encoded, responses decoded. How the bytes are read and written is the caller's business."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import h11

from firmware.errors import Failure
from firmware.http11.encoded import Encoded

READ_SIZE = 65536
#: bytes a second, at least, of a long body: who takes or sends less is given up
LEAST_RATE = 1 << 16
#: bytes of a body that are taken; a service of 16 MiB in base64 fits
BODY_LIMIT = 24 << 20
#: bytes of an answer that are taken: what a push changes in all the files that a service may have, with the differences
ANSWER_LIMIT = 8 << 20
#: the header of an interim response (102) that says something before the answer, as JSON
INFORMATION = "Information"
#: bytes of an answer that is not compressed
SMALL_ANSWER = 512
#: what breaks a connection, as who reads and writes sees it
CONNECTION_ERRORS = (OSError, h11.ProtocolError, EOFError)


#: the body of a request: a JSON object, or how it is encoded; None for none
Content = Mapping[str, Any] | Encoded | None


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answers: the status and a JSON object."""

    status: int
    content: Mapping[str, Any]


def client_protocol() -> h11.Connection:
    """A new connection, as the client sees it."""
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=READ_SIZE)


def encode_request(protocol: h11.Connection, method: str, path: str, content: Content) -> Iterator[bytes]:
    """A request as pieces, one after the other: a large body is never in memory as a whole."""
    encoded = _body(content)
    length = ("Transfer-Encoding", "chunked") if encoded.size is None else ("Content-Length", str(encoded.size))
    headers = [("Host", "csyncd"), ("Content-Type", encoded.type), length]
    headers.append(("Accept-Encoding", "deflate"))
    piece = protocol.send(h11.Request(method=method, target=path, headers=headers)) or b""
    for data in encoded.pieces():
        yield piece + (protocol.send(h11.Data(data=data)) or b"")
        piece = b""
    if piece := piece + (protocol.send(h11.EndOfMessage()) or b""):
        yield piece


def _body(content: Content) -> Encoded:
    if isinstance(content, Encoded):
        return content
    body = b"" if content is None else json.dumps(content).encode()
    return Encoded(len(body), lambda: iter([body] if body else []))


def encode_answer(content: Mapping[str, Any], *, deflate: bool) -> tuple[bytes, list[tuple[str, str]]]:
    """The body of an answer, and what its head says of it. A large one is compressed where the client takes that."""
    body = json.dumps(content).encode() + b"\n"
    headers = [("Content-Type", "application/json")]
    if deflate and len(body) > SMALL_ANSWER:
        body = zlib.compress(body)
        headers.append(("Content-Encoding", "deflate"))
    return body, [*headers, ("Content-Length", str(len(body)))]


@dataclass(slots=True)
class ResponseReader:
    """A response on its way in: its status and its body, as far as they have come."""

    protocol: h11.Connection
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    unpacker: Any = None
    on_information: Callable[[Any], None] | None = None

    def feed(self, data: bytes) -> bool:
        """Take what was read (nothing: the connection has ended). Is that all of it? One of
        CONNECTION_ERRORS if nothing more can come, Failure if it is too large."""
        self.protocol.receive_data(data)
        while (event := self.protocol.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.InformationalResponse):
                self._note_information(event)
            elif isinstance(event, h11.Response):
                self.status = event.status_code
                if dict(event.headers).get(b"content-encoding") == b"deflate":
                    self.unpacker = zlib.decompressobj()
            elif isinstance(event, h11.Data):
                self.body += self._unpack(event.data)
                if len(self.body) > ANSWER_LIMIT:
                    raise Failure(f"the answer: larger than {ANSWER_LIMIT} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return True
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError("it was closed before the answer")
        return False

    def _note_information(self, event: h11.InformationalResponse) -> None:
        text = dict(event.headers).get(INFORMATION.lower().encode())
        if self.on_information and text is not None:
            self.on_information(json.loads(text))

    def _unpack(self, data: bytes) -> bytes:
        """What it says, of which a little more than is taken of an answer becomes an error of who reads on."""
        if self.unpacker is None:
            return data
        try:
            return bytes(self.unpacker.decompress(data, ANSWER_LIMIT + 1 - len(self.body)))
        except zlib.error:
            raise Failure("the answer: it cannot be unpacked") from None


def connection_error_text(error: Exception) -> str:
    """Why a connection gave no answer, from one of CONNECTION_ERRORS."""
    return f"the connection broke: {getattr(error, 'strerror', None) or 'it ended before the answer'}"
