"""The root half of the web UI, as this half reaches it: a socket where credentials are checked, and one for each session.

A connection is one exchange, or one channel (`firmware.frames`). Sockets are read and written as they are: what has been
answered can be read even if the other side takes no more of what it is sent.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware import frames
from firmware.errors import Failure
from firmware.frames import DATA, END, MESSAGE, Frame

#: where a credential becomes a session, and where the sockets of sessions are
LOGIN, SESSIONS = Path("/run/firmware/wui/login.sock"), Path("/run/firmware/wui/sessions")
#: seconds in which a credential is checked, a program that begins included
LOGIN_SECONDS = 30.0
READ_SIZE = 65536
#: connections to the root half at a time: each is a descriptor
MOST = 300

_PATTERN = re.compile(r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{16,128})")


class Over(Failure):
    """There is no such session, or no longer."""

    def __init__(self) -> None:
        super().__init__("the session is over", "log in again")


class Unavailable(Failure):
    """The root half does not answer."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the part of the web UI that acts does not answer: {why}", "service wui restart")


@dataclass(frozen=True, slots=True)
class Session:
    """A session by its name, and the secret that proves that it is one's own."""

    id: str
    secret: str

    @property
    def cookie(self) -> str:
        """Both, as a browser keeps them."""
        return f"{self.id}.{self.secret}"


def parse_cookie(text: str) -> Session | None:
    """The session that a cookie names, if it can be one's name."""
    found = _PATTERN.fullmatch(text)
    return Session(found[1], found[2]) if found else None


@dataclass(slots=True, eq=False)
class Connection:
    """A connection to the root half; `on_close` is called once it is closed."""

    socket: socket.socket
    on_close: Callable[[], None]
    _buffer: bytearray = field(default_factory=bytearray)
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, data: bytes) -> None:
        """Send all of it; returns once the kernel has it."""
        async with self._sending:
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def readexactly(self, size: int) -> bytes:
        """So many bytes; EOFError if the connection ends before."""
        while len(self._buffer) < size:
            wanted = max(READ_SIZE, size - len(self._buffer))
            async with self._reading:
                data = await asyncio.get_running_loop().sock_recv(self.socket, wanted)
            if not data:
                raise EOFError
            self._buffer += data
        with memoryview(self._buffer) as view:
            taken = bytes(view[:size])
        del self._buffer[:size]
        return taken

    async def read_frame(self) -> Frame | None:
        """The next frame; None at the end, also at one that came too early. Failure if it is none."""
        try:
            return await frames.read_frame(self)
        except OSError:
            return None

    async def end(self) -> None:
        """Close it; whoever reads or sends finds it ended before."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        async with self._sending, self._reading:
            self.close()

    def close(self) -> None:
        """Close it. Nobody reads or sends any more."""
        if self.socket.fileno() >= 0:
            self.socket.close()
            self.on_close()


class RootHalf:
    """Where the root half listens: for credentials, and in a directory with a socket for each session."""

    def __init__(self, login: Path = LOGIN, sessions: Path = SESSIONS) -> None:
        self._login, self._sessions, self._count = login, sessions, 0

    async def check_credential(self, credential: Mapping[str, Any]) -> dict[str, Any]:
        """What it says to a credential: `status` 200 with a session, or a problem. Unavailable if it says nothing."""
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                with contextlib.closing(await self._connect(self._login)) as connection:
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        await connection.send(frames.encode_message(credential))
                    said = await connection.read_frame()
                    await connection.read_frame()  # its END: a session that cannot say it takes itself for untold
        except TimeoutError:
            raise Unavailable(f"nothing came within {LOGIN_SECONDS:g} s") from None
        except OSError as error:
            raise Unavailable((error.strerror or str(error)).lower()) from None
        if said is None or said.kind == DATA:
            raise Unavailable("it ended without a word")
        return said.body

    async def open_session(self, session: Session) -> Connection:
        """A connection to a session; Over if there is none of that name."""
        try:
            return await self._connect(self._sessions / f"{session.id}.sock")
        except OSError:
            raise Over from None

    async def _connect(self, path: Path) -> Connection:
        if self._count >= MOST:
            raise Unavailable("too many connections to it")
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._count += 1
        connection = Connection(client, self._release)
        try:
            await asyncio.get_running_loop().sock_connect(client, str(path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _release(self) -> None:
        self._count -= 1


async def read_answer(connection: Connection) -> tuple[dict[str, Any], bytes, AsyncIterator[bytes] | None]:
    """What a session answers: what it says first, and the body: all of it, or the first of it and the rest as it comes."""
    first = await connection.read_frame()
    if first is None or first.kind != MESSAGE:
        raise Unavailable("it ended without a word")
    pieces, body = _pieces(connection), b""
    async for piece in pieces:
        body += piece
        if len(body) > READ_SIZE:
            return first.body, body, pieces
    return first.body, body, None


async def _pieces(connection: Connection) -> AsyncIterator[bytes]:
    """The body's; Unavailable if it breaks off, for then the body is not whole."""
    while True:
        frame = await connection.read_frame()
        if frame is None or (frame.kind == END and frame.body):
            raise Unavailable("the answer breaks off")
        if frame.kind == END:
            return
        if frame.kind == DATA:
            yield frame.content
