"""The front half of the web UI at a port of the loopback, before a root half that a test plays."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from root_half import RootHalf

from firmware.services.declared.wui import Address
from firmware.wui import listening
from firmware.wui.attempts import Attempts
from firmware.wui.credentials import Credentials
from firmware.wui.pages import Pages
from firmware.wui.site import Site
from firmware.wui.web.server import Server
from firmware.wui.web.streams import Rooms

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OURS = {"X-Requested-With": "csyncd"}


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        return self.headers["set-cookie"].partition(";")[0]


@dataclass
class ServedSite:
    """A site that is served, and how it is asked. `held` keeps connections open that nobody else knows any more: newer Pythons
    close those."""

    port: int
    root: RootHalf
    pages: Path
    rooms: Rooms
    server: Server
    tls: ssl.SSLContext | None
    held: list[Connected] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @property
    def own_page(self) -> dict[str, str]:
        """What a browser adds to a request of our own page."""
        return {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", **OURS}

    async def connect(self, source: str = "127.0.0.1", *, tls: bool | None = None) -> Connected:
        context = self.tls if tls is None or tls else None
        self.held.append(await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0), ssl=context))
        return self.held[-1]

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        on: Connected | None = None,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Reply:
        """One request; `headers` with _ for -."""
        connected = on or await self.connect(source)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connected[1].write(self.request(method, path, body, named))
        reply = await read_reply(connected[0], method)
        if on is None:
            connected[1].close()
        return reply

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        lines = {"Host": self.host, **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    async def log_in(self, password: str = "right", source: str = "127.0.0.1", **headers: str) -> Reply:
        body = json.dumps({"user": "admin", "password": password}).encode()
        headers = {"Content_Type": "application/json", **headers}
        return await self.ask("POST", "/login", body, source=source, **headers)


async def read_reply(reader: asyncio.StreamReader, method: str = "GET") -> Reply:
    """The next answer on a connection."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    status = int(lines[0].split()[1])
    if method == "HEAD" or status == 204:
        return Reply(status, headers, b"")
    if headers.get("transfer-encoding") != "chunked":
        return Reply(status, headers, await reader.readexactly(int(headers.get("content-length", 0))))
    body = bytearray()
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return Reply(status, headers, bytes(body))


@contextlib.asynccontextmanager
async def serving(directory: Path, *, tls: bool = False, rooms: Rooms | None = None) -> AsyncIterator[ServedSite]:
    root, pages, rooms = RootHalf(directory), directory / "pages", rooms or Rooms()
    (pages / "assets").mkdir(parents=True, exist_ok=True)
    await root.start()
    site = Site(Credentials(_front_of(root), Attempts()), Pages(pages), directory / "accounts.json")
    server = Server(site, listening.tls_context() if tls else None, rooms)
    (listener,) = listening.open_listeners(Address("127.0.0.1", 0, tls))
    accepting = asyncio.create_task(server.accept(listener))
    try:
        yield ServedSite(listener.getsockname()[1], root, pages, rooms, server, _trusting_context() if tls else None)
    finally:
        accepting.cancel()
        listener.close()
        root.stop()
        await server.stop()


def play(
    directory: Path, story: Callable[[ServedSite], Awaitable[None]], *, seconds: float = 30, **options: Any
) -> None:
    """Run a story before a site that is served."""

    async def run_story() -> None:
        async with asyncio.timeout(seconds), serving(directory, **options) as site:
            await story(site)

    asyncio.run(run_story())


def _front_of(root: RootHalf) -> Any:
    from firmware.wui.root_half import RootHalf as Front

    return Front(root.login, root.sessions)


def _trusting_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
