"""Runs on a node as root: opens a channel of the web UI's root half, as the front half does, and plays steps on it.

Its argument is a JSON object: `session`, `secret`, `channel`, `query`, and `steps`: ["type", TEXT] sends bytes, ["send", OBJECT]
a message, ["until", TEXT] waits until that has come (in bytes, or in a message as JSON), ["wait", PATH] until a file is there,
["quiet", BYTES] until nothing more comes for a while, of so many bytes at most, ["end"] leaves, ["rest"] hears all there is. It prints what came, as JSON; `missing`: the text that never came.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from typing import Any

SECONDS = 20.0


class Channel:
    """The connection, and all that came over it."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self.came: dict[str, Any] = {"bytes": "", "messages": [], "end": None}
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(SECONDS)
        self.connection.connect(f"/run/firmware/wui/sessions/{wish['session']}.sock")
        head = {"method": "CHANNEL", "path": wish["channel"], "query": wish.get("query", {})}
        self.send("H", json.dumps({**head, "secret": wish["secret"], "address": "192.0.2.7"}).encode())

    def send(self, kind: str, content: bytes) -> None:
        self.connection.sendall(struct.pack(">Ic", len(content), kind.encode()) + content)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (part := self.connection.recv(size - len(data))):
            data += part
        return data

    def hear(self) -> bool:
        head = self.read(5)
        if len(head) < 5:
            return False
        length, kind = struct.unpack(">Ic", head)
        content = self.read(length)
        if kind == b"D":
            self.came["bytes"] += content.decode("latin-1")
        elif kind == b"H":
            self.came["messages"].append(json.loads(content))
        else:
            self.came["end"] = json.loads(content)
        return True

    def has(self, text: str) -> bool:
        return text in self.came["bytes"] or text in json.dumps(self.came["messages"])

    def play(self, verb: str, what: Any = None) -> None:
        if verb in ("type", "send"):
            self.send(*(("D", what.encode("latin-1")) if verb == "type" else ("H", json.dumps(what).encode())))
        elif verb == "wait":
            end = time.monotonic() + SECONDS
            while not os.path.exists(what) and time.monotonic() < end:
                time.sleep(0.01)
        elif verb == "quiet":
            while select.select([self.connection], [], [], 0.5)[0] and self.hear():
                if len(self.came["bytes"]) > what:
                    raise LookupError("quiet")
        elif verb == "end":
            self.send("E", b"{}")
        else:
            while not (verb == "until" and self.has(what)) and self.came["end"] is None and self.hear():
                pass
            if verb == "until" and not self.has(what):
                raise LookupError(what)


def main(wish: dict[str, Any]) -> None:
    channel = Channel(wish)
    try:
        for step in wish["steps"]:
            channel.play(*step)
    except (LookupError, TimeoutError) as error:
        channel.came["missing"] = str(error)
    print(json.dumps(channel.came))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
