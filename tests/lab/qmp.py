"""What is said to a running QEMU over its QMP socket. One connection for each conversation."""

import json
from pathlib import Path
from typing import Any

import sockets
from state import Trouble


def ask(path: Path, *commands: dict[str, Any]) -> list[Any]:
    """Carry out QMP commands, one after the other; returns what each of them answered. Trouble if one fails."""
    try:
        connection = sockets.connect(path, seconds=60)
    except OSError as error:
        raise Trouble(f"{path}: QEMU does not answer: {error.strerror}") from None
    with connection:
        lines = connection.makefile("rb")
        lines.readline()  # its greeting
        return [_answer(connection, lines, each) for each in (command("qmp_capabilities"), *commands)][1:]


def command(name: str, /, **arguments: Any) -> dict[str, Any]:
    """A QMP command."""
    return {"execute": name, "arguments": arguments}


def _answer(connection: Any, lines: Any, command: dict[str, Any]) -> Any:
    connection.sendall(json.dumps(command).encode())
    while line := lines.readline():
        said = json.loads(line)
        if "error" in said:
            raise Trouble(f"QEMU: {command['execute']}: {said['error']['desc']}")
        if "return" in said:
            return said["return"]
    raise Trouble(f"QEMU: {command['execute']}: it hung up")
