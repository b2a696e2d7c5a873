"""Runs on a node, as root or as another account: speaks to the sockets of the web UI's root half as the front half does.

Its argument is a JSON object: `login` (a credential), or `session` and `secret`, or `logins`, tried one after the other; `requests` to send one after the other, each
with method, path, and if need be query, body (JSON), secret. It prints what came of the login and of each request, as JSON.
"""

import json
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

TOP = "/run/firmware/wui"


def frame(kind: str, content: bytes) -> bytes:
    return struct.pack(">Ic", len(content), kind.encode()) + content


def read_frames(connection: socket.socket) -> list[tuple[str, bytes]]:
    found, data = [], b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            break
        data += piece
    while len(data) >= 5:
        length, kind = struct.unpack(">Ic", data[:5])
        found.append((kind.decode(), data[5 : 5 + length]))
        data = data[5 + length :]
    return found


def exchange(path: str, *sent: bytes) -> list[tuple[str, bytes]]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(path)
        with suppress(BrokenPipeError):  # refused before all of it was heard; the answer is there
            for one in sent:
                connection.sendall(one)
        return read_frames(connection)


def log_in(credential: dict[str, Any]) -> dict[str, Any]:
    found = exchange(f"{TOP}/login.sock", frame("H", json.dumps(credential).encode()))
    return dict(json.loads(found[0][1]))


def ask(session: str, secret: str, request: dict[str, Any]) -> dict[str, Any]:
    body = request.pop("body", None)
    head = {"query": {}, "secret": secret, "address": "192.0.2.7", **request}
    data = [frame("D", json.dumps(body).encode())] if body is not None else []
    try:
        found = exchange(
            f"{TOP}/sessions/{session}.sock", frame("H", json.dumps(head).encode()), *data, frame("E", b"{}")
        )
    except OSError as error:
        return {"status": 0, "error": error.strerror}
    answer = dict(json.loads(found[0][1]))
    content = b"".join(content for kind, content in found if kind == "D")
    is_json = "json" in answer.get("type", "")
    return {**answer, "content": json.loads(content) if is_json else content.decode("latin-1")}


def main(wish: dict[str, Any]) -> None:
    result: dict[str, Any] = {"login": log_in(wish["login"])} if "login" in wish else {}
    result["logins"] = [log_in(one) for one in wish.get("logins", ())]
    known = {**wish, **result.get("login", {})}
    if "session" in known:
        asked = [ask(known["session"], known["secret"], one) for one in wish.get("requests", ())]
        result["answers"] = asked
    print(json.dumps(result))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
