"""A root half of the web UI that does what a test wants: it speaks frames at the sockets where the front half looks."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware import frames
from firmware.frames import DATA, END

SECRET = "s" * 43
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
#: serves one exchange after its head has been read
Behaviour = Callable[[dict[str, Any], Reader, Writer], Awaitable[None]]


@dataclass
class RootHalf:
    """Its sockets are in `directory`; PASSWORD opens a session, any other is refused. It keeps what it was asked."""

    directory: Path
    password: str = "right"
    behaviour: Behaviour | None = None
    logins: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    checked_together: list[int] = field(default_factory=list)
    seconds_of_check: float = 0.0
    open_channels: int = 0
    _checked: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)

    @property
    def login(self) -> Path:
        return self.directory / "login.sock"

    @property
    def sessions(self) -> Path:
        return self.directory / "sessions"

    async def start(self) -> None:
        self.sessions.mkdir()
        self._servers.append(await asyncio.start_unix_server(self._check, self.login))

    async def open_session(self, name: str) -> None:
        self._servers.append(await asyncio.start_unix_server(self._serve, self.sessions / f"{name}.sock"))

    def end_session(self, name: str) -> None:
        (self.sessions / f"{name}.sock").unlink()

    def stop(self) -> None:
        for server in self._servers:
            server.close()

    async def _check(self, reader: Reader, writer: Writer) -> None:
        frame = await frames.read_frame(reader)
        assert frame
        said = frame.body
        self.logins.append(said)
        self._checked += 1
        self.checked_together.append(self._checked)
        await asyncio.sleep(self.seconds_of_check)
        self._checked -= 1
        if self.password in (said.get("password"), said.get("token")):
            name = f"session{len(self.logins)}"
            await self.open_session(name)
            answer = {"status": 200, "session": name, "secret": SECRET, "account": "admin", "role": "admin"}
        else:
            answer = {"status": 401, "title": "no", "detail": "wrong user or password", "hint": "try again"}
        writer.write(frames.encode_message(answer))
        await asyncio.sleep(0)
        writer.write(frames.encode_end())
        writer.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        frame = await frames.read_frame(reader)
        assert frame
        head = frame.body
        self.asked.append(head)
        try:
            if head["secret"] != SECRET:
                await answer(writer, 401, {"status": 401, "detail": "the session is over"})
            elif self.behaviour and head["path"] != "/session":
                await self.behaviour(head, reader, writer)
            else:
                self.bodies.append(await body_length(reader))
                await answer(writer, 200, {"path": head["path"], "query": head["query"], "size": self.bodies[-1]})
        finally:
            writer.close()


async def body_length(reader: Reader) -> int:
    """Read the body to its end."""
    size = 0
    while (frame := await frames.read_frame(reader)) and frame.kind != END:
        assert frame.kind == DATA
        size += len(frame.content)
    return size


async def answer(writer: Writer, status: int, body: dict[str, Any], **head: Any) -> None:
    """Answer with a JSON object."""
    writer.write(frames.encode_message({"status": status, "type": "application/json", **head}))
    for frame in frames.encode_data(json.dumps(body).encode()):
        writer.write(frame)
    writer.write(frames.encode_end())
    await writer.drain()
