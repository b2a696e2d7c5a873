"""Asks this node's csyncd for something, through the operator's socket."""

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from firmware import log
from firmware.csyncd import CONTROL
from firmware.errors import Failure, Lost, Unavailable, from_status
from firmware.http11 import blocking
from firmware.services import states

#: run.VERBOSE, which takes long to load
_VERBOSE = "FIRMWARE_VERBOSE"
_NONE = (
    "+ # csyncd has run no command here; what the other node runs, the log of its csyncd shows with FIRMWARE_VERBOSE=1"
)
#: seconds that csyncd may take: a push waits for the peer's checker and reload
ANSWER_SECONDS = 200.0
#: seconds in which a csyncd that is not stuck says anything at all
ALIVE_SECONDS = 10.0


def ask_csyncd(
    verb: str,
    content: dict[str, Any],
    on_wait: Callable[[], None] | None = None,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """What this node's csyncd answers; its errors come back as they were raised there. If that takes long, `on_wait` is
    called, unless csyncd is stuck: a Failure. `on_progress` is told how far a push is (`sync.progress.Progress`)."""

    wish = {"progress": on_progress is not None, **content, "verbose": bool(os.environ.get(_VERBOSE))}

    def slow() -> None:
        if not _is_alive():
            later = ", and may yet do what was asked" if on_wait else ""
            raise Unavailable(f"csyncd: it runs, but does not answer: it is stuck{later}", "service csyncd restart")
        if on_wait:
            on_wait()

    try:
        with _connect() as connection:
            answer = blocking.request(
                connection, "POST", f"/{verb}", wish, timeout=ANSWER_SECONDS, on_slow=slow, on_information=on_progress
            )
    except Lost as lost:
        message = f"csyncd: {lost}: whether it was done is not known; nothing is half done"
        raise Failure(message, "csync status; csync log on the other node, too") from None
    body = dict(answer.content)
    if wish["verbose"]:
        _show_commands(body.pop("commands", ()))
    if answer.status == 200:
        return body
    raise from_status(body.get("exit", 1), str(body.get("error")), str(body.get("hint", "")), body.get("problems", ()))


def _show_commands(commands: Sequence[str]) -> None:
    """What csyncd has run for us here, for who wants to see each command. What the other node has run is in its own log."""
    for line in commands or (_NONE,):
        log.line(line)


def _connect() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(CONTROL)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        if states.service_state("csyncd").state != "running":
            raise Unavailable("csyncd: it does not run on this node", "service csyncd start") from None
        hint = "service csyncd restart, if it has not just been started"
        raise Unavailable(f"csyncd: it runs, but nobody answers at {CONTROL}", hint) from None
    return connection


def _is_alive() -> bool:
    """Whether csyncd answers anything; what, makes no difference."""
    try:
        with _connect() as connection:
            blocking.request(connection, "GET", "/", timeout=ALIVE_SECONDS)
    except Lost:
        return False
    return True
