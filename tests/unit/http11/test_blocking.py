"""A request over a blocking socket: it is answered, or says why not, within its time."""

import time
from contextlib import suppress
from socket import SHUT_WR, socketpair
from threading import Thread

import pytest

from firmware.errors import Lost
from firmware.http11 import blocking
from firmware.http11.wire import Response

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "the connection broke: it ended before the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "the connection broke: it ended before the answer"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "the connection broke: it ended before the answer"),
        (None, "no answer within 0.3 s"),
    ],
)
def test_a_request_that_gets_no_answer_says_why(said: bytes | None, why: str) -> None:
    ours, theirs = socketpair()
    with ours, theirs:
        if said is not None:
            theirs.sendall(said)
            theirs.shutdown(SHUT_WR)
        with pytest.raises(Lost, match=why):
            blocking.request(ours, "GET", "/", timeout=0.3)


def test_a_request_waits_no_longer_than_it_was_told_however_the_answer_drips() -> None:
    ours, theirs = socketpair()
    with ours, theirs:

        def drip() -> None:
            with suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
                    theirs.sendall(bytes([byte]))
                    time.sleep(0.1)

        dripping = Thread(target=drip, daemon=True)
        dripping.start()
        start = time.monotonic()
        with pytest.raises(Lost, match="no answer within"):
            blocking.request(ours, "GET", "/", timeout=0.5)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(("delay", "calls"), [(0.0, []), (0.4, ["slow"])])
def test_a_slow_answer_is_said_once(monkeypatch: pytest.MonkeyPatch, delay: float, calls: list[str]) -> None:
    monkeypatch.setattr(blocking, "SLOW_SECONDS", 0.2)
    seen: list[str] = []
    ours, theirs = socketpair()
    with ours, theirs:

        def answer() -> None:
            time.sleep(delay)
            theirs.sendall(ANSWER)

        answering = Thread(target=answer)
        answering.start()
        got = blocking.request(ours, "GET", "/", timeout=10, on_slow=lambda: seen.append("slow"))
        answering.join()
    assert got == Response(200, {"a": 1})
    assert seen == calls
