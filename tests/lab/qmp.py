"""What is said to a running QEMU over its QMP socket. One connection for each conversation."""

import json
import socket
from typing import Any

from state import Trouble


def ask(path: str, *commands: dict[str, Any]) -> list[Any]:
    """Carry out QMP commands, one after the other; returns what each of them answered. Trouble if one fails."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        try:
            connection.connect(path)
        except OSError as error:
            raise Trouble(f"{path}: QEMU does not answer: {error.strerror}") from None
        lines = connection.makefile("rb")
        lines.readline()  # its greeting
        return [_answer(connection, lines, command) for command in ({"execute": "qmp_capabilities"}, *commands)][1:]


def say(name: str, /, **arguments: Any) -> dict[str, Any]:
    """A QMP command."""
    return {"execute": name, "arguments": arguments}


def _answer(connection: socket.socket, lines: Any, command: dict[str, Any]) -> Any:
    connection.sendall(json.dumps(command).encode())
    while line := lines.readline():
        said = json.loads(line)
        if "error" in said:
            raise Trouble(f"QEMU: {command['execute']}: {said['error']['desc']}")
        if "return" in said:
            return said["return"]
    raise Trouble(f"QEMU: {command['execute']}: it hung up")
