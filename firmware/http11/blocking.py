"""One request over a plain, blocking socket: how a command asks csyncd, or a web UI. It does without asyncio, which takes
longer to load than most answers take to come.
"""

import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from firmware.errors import Lost
from firmware.http11 import wire
from firmware.http11.json_body import parse_body
from firmware.http11.wire import Response

#: seconds after which an answer is slow
SLOW_SECONDS = 5.0


def request(
    connection: socket.socket,
    method: str,
    path: str,
    content: Mapping[str, Any] | None = None,
    *,
    timeout: float,
    on_slow: Callable[[], None] | None = None,
    on_information: Callable[[Any], None] | None = None,
) -> Response:
    """Ask, and wait for the answer; `on_slow` is called once if it is not there after SLOW_SECONDS, `on_information`
    with what comes before the answer. Lost if the connection
    breaks or `timeout` (seconds) passes before it is there, or since such a word came."""
    end, protocol = time.monotonic() + timeout, wire.client_protocol()

    def note_information(told: Any) -> None:
        nonlocal end
        end = time.monotonic() + timeout
        if on_information:
            on_information(told)

    answer = wire.ResponseReader(protocol, on_information=note_information)
    try:
        connection.settimeout(timeout)
        for piece in wire.encode_request(protocol, method, path, content):
            connection.sendall(piece)
        slow_at = time.monotonic() + SLOW_SECONDS
        while True:
            if on_slow and not select.select([connection], [], [], max(0.0, slow_at - time.monotonic()))[0]:
                on_slow()
                on_slow = None
            connection.settimeout(max(0.001, end - time.monotonic()))
            if answer.feed(connection.recv(wire.READ_SIZE)):
                break
            on_slow = None if on_information else on_slow  # who is told how far it is needs no other word
    except TimeoutError:
        raise Lost(f"no answer within {timeout:g} s") from None
    except wire.CONNECTION_ERRORS as error:
        raise Lost(wire.connection_error_text(error)) from None
    return Response(answer.status, parse_body(answer.body))
