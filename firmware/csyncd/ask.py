"""The operator's socket, from outside: where it is, and how a command asks csyncd for something."""

import socket
from pathlib import Path
from typing import Any

from firmware.errors import Failure, Lost, again
from firmware.http11 import once

CONTROL = Path("/run/firmware/csyncd.sock")
#: seconds that csyncd may take: a push waits for the peer's checker and reload
TIME = 200.0


def ask(verb: str, content: dict[str, Any]) -> dict[str, Any]:
    """Ask this node's csyncd; its errors come back as they were raised there."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(CONTROL))
            answer = once.request(connection, "POST", f"/{verb}", content, timeout=TIME)
    except (FileNotFoundError, ConnectionRefusedError):
        raise Failure("csyncd: it does not run on this node", "service csyncd start") from None
    except Lost as lost:
        said = f"csyncd: {lost}: whether it was done is not known; nothing is half done"
        raise Failure(said, "csync status; csync log on the other node, too") from None
    if answer.status == 200:
        return dict(answer.content)
    told = answer.content
    raise again(told.get("exit", 1), str(told.get("error")), str(told.get("hint", "")), told.get("problems", ()))
