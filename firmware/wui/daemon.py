"""The web UI's daemon. It answers `GET /csyncd/keys` with this node's public keys, without a login, and nothing else yet.

It listens as the block `service wui` says: `port` (4444), `listen` (every address), and HTTPS with a certificate made on
the node unless it says `tls off`.
"""

import asyncio
import signal

from firmware import log
from firmware.errors import Failure, report
from firmware.http11.server import Request, serve
from firmware.http11.wire import Response
from firmware.operations import pairing
from firmware.services.declared.wui import Address
from firmware.wui import listening

#: the longest request that it takes, in bytes, and the most connections at a time
LIMIT, MOST = 4096, 64


def main(argv: list[str]) -> int:
    """Run the web UI in the foreground, where the words LISTEN PORT tls|plain say, or else config.rc."""
    try:
        asyncio.run(_serve_until_stopped(listening.parse_address(argv)))
    except Failure as error:
        log.line(report("wui", error))
        return error.status
    return 0


async def _serve_until_stopped(where: Address) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        server = await asyncio.start_server(
            _handle_connection, where.listen, where.port, ssl=listening.tls_context() if where.tls else None
        )
    except OSError as error:
        raise Failure(f"{where.listen}:{where.port}: {error.strerror}") from None
    # not `async with server`: since Python 3.12 that waits for every client to leave
    try:
        await ended.wait()
    finally:
        server.close()


_open: set[asyncio.StreamWriter] = set()


async def _handle_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if len(_open) >= MOST:
        writer.close()
        return
    _open.add(writer)
    try:
        async with asyncio.timeout(60):
            await serve(reader, writer, _answer, LIMIT, program="wui")
    except TimeoutError:
        writer.close()
    finally:
        _open.discard(writer)


async def _answer(request: Request) -> Response:
    if request.path != "/csyncd/keys":
        return Response(404, {"error": f"{request.path}: there is no such page"})
    if request.method != "GET":
        return Response(405, {"error": f"{request.method}: it can only be read"})
    try:
        return Response(200, pairing.public_keys().json())
    except Failure as error:
        return Response(404, {"error": str(error), "hint": error.hint})
