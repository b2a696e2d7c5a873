"""The operator's socket, from outside: where it is, and how a command asks csyncd for something."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware.errors import Failure, Lost, from_status
from firmware.http11 import blocking
from firmware.services import states

CONTROL = Path("/run/firmware/csyncd.sock")
#: seconds that csyncd may take: a push waits for the peer's checker and reload
TIME = 200.0
#: seconds in which a csyncd that is not stuck says anything at all
ALIVE = 10.0


def ask(verb: str, content: dict[str, Any], waits: Callable[[], None] | None = None) -> dict[str, Any]:
    """Ask this node's csyncd; its errors come back as they were raised there. If that takes long, `waits` is called, unless
    csyncd is stuck: a Failure."""

    def slow() -> None:
        if not _lives():
            later = ", and may yet do what was asked" if waits else ""
            raise Failure(f"csyncd: it runs, but does not answer: it is stuck{later}", "service csyncd restart")
        if waits:
            waits()

    try:
        with _connected() as connection:
            answer = blocking.request(connection, "POST", f"/{verb}", content, timeout=TIME, on_slow=slow)
    except Lost as lost:
        said = f"csyncd: {lost}: whether it was done is not known; nothing is half done"
        raise Failure(said, "csync status; csync log on the other node, too") from None
    if answer.status == 200:
        return dict(answer.content)
    told = answer.content
    raise from_status(told.get("exit", 1), str(told.get("error")), str(told.get("hint", "")), told.get("problems", ()))


def _connected() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(CONTROL))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        if states.service_state("csyncd").state != "running":
            raise Failure("csyncd: it does not run on this node", "service csyncd start") from None
        hint = "service csyncd restart, if it has not just been started"
        raise Failure(f"csyncd: it runs, but nobody answers at {CONTROL}", hint) from None
    return connection


def _lives() -> bool:
    """Whether csyncd answers anything; what, makes no difference."""
    try:
        with _connected() as connection:
            blocking.request(connection, "GET", "/", timeout=ALIVE)
    except Lost:
        return False
    return True
