"""HTTP as bytes: a request as it is sent, a response however it comes in."""

import json

import h11
import pytest

from firmware.errors import Failure
from firmware.http11 import wire
from firmware.http11.wire import CONNECTION_ERRORS, ResponseReader

RESPONSE = b'HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\n{"a": 1}'


@pytest.mark.parametrize("content", [None, {}, {"a": "ü"}])
def test_a_request_is_what_a_server_reads(content: dict[str, str] | None) -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"".join(wire.encode_request(wire.client_protocol(), "POST", "/v1/x", content)))
    head, body = server.next_event(), b""
    assert isinstance(head, h11.Request) and (head.method, head.target) == (b"POST", b"/v1/x")
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == (b"" if content is None else json.dumps(content).encode())


def reader() -> ResponseReader:
    protocol = wire.client_protocol()
    list(wire.encode_request(protocol, "GET", "/", None))
    return ResponseReader(protocol)


@pytest.mark.parametrize("step", [1, 7, len(RESPONSE)])
def test_a_response_is_complete_with_its_last_byte(step: int) -> None:
    response = reader()
    pieces = [RESPONSE[at : at + step] for at in range(0, len(RESPONSE), step)]
    assert [response.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (response.status, bytes(response.body)) == (404, b'{"a": 1}')


@pytest.mark.parametrize("sent", [b"", RESPONSE[:-1], b"HTTP/1.1 200", b"\x15\x03\x01\r\n\r\n"])
def test_a_response_that_ends_too_early_is_a_broken_connection(sent: bytes) -> None:
    response = reader()
    with pytest.raises(CONNECTION_ERRORS) as raised:
        response.feed(sent)
        response.feed(b"")
    assert wire.connection_error_text(raised.value) == "the connection broke: it ended before the answer"


def test_the_system_says_why_a_connection_broke() -> None:
    assert wire.connection_error_text(OSError(104, "Connection reset by peer")) == (
        "the connection broke: Connection reset by peer"
    )


def test_a_response_that_is_too_large_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_LIMIT", 7)
    with pytest.raises(Failure, match="the answer: larger than 7 bytes"):
        reader().feed(RESPONSE)
