"""One question over a plain socket: how a command asks csyncd, or a web UI. It asks once and waits, and does so without
asyncio, which takes longer to load than most answers take to come.
"""

import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from firmware import messages
from firmware.errors import Lost
from firmware.http11 import wire
from firmware.http11.wire import Response

#: seconds after which an answer is slow
SLOW = 5.0


def request(
    connection: socket.socket,
    method: str,
    path: str,
    content: Mapping[str, Any] | None = None,
    *,
    timeout: float,
    slow: Callable[[], None] | None = None,
) -> Response:
    """Ask, and wait for the answer; `slow` is called once if it is not there after SLOW seconds. Lost if the connection breaks
    or `timeout` (seconds) passes before it is there."""
    end, protocol = time.monotonic() + timeout, wire.speaker()
    answer = wire.Answer(protocol)
    try:
        connection.settimeout(timeout)
        connection.sendall(wire.question(protocol, method, path, content))
        if slow and not select.select([connection], [], [], SLOW)[0]:
            slow()
        connection.settimeout(max(0.001, end - time.monotonic()))
        while not answer.take(connection.recv(wire.READ)):
            connection.settimeout(max(0.001, end - time.monotonic()))
    except TimeoutError:
        raise Lost(f"no answer within {timeout:g} s") from None
    except wire.BROKEN as error:
        raise Lost(wire.broken(error)) from None
    return Response(answer.status, messages.parse(answer.body))
