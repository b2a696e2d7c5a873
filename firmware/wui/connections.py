"""The web UI's connections, from the moment they are accepted: nobody who connects has proved anything yet.

They are counted at once (`http11.admission`). A handshake has a few seconds, a connection a minute, and each takes little
memory: asyncio would keep 256 KiB for one that speaks TLS.
"""

import asyncio
import asyncio.sslproto
import contextlib
import socket
import ssl
from functools import partial

from firmware import log
from firmware.http11.admission import Admission, Place
from firmware.http11.server import HEAD_LIMIT, Handler, abort, serve

#: connections at a time, in all and of one address
MOST, MOST_OF_ONE = 64, 16
#: seconds that a TLS handshake may take, and a connection in all
HANDSHAKE_SECONDS, CONNECTION_SECONDS = 5.0, 60.0
#: seconds that the last words of TLS may take
SHUTDOWN_SECONDS = 2.0
#: the longest request body that is taken, in bytes
BODY_LIMIT = 4096

asyncio.sslproto.SSLProtocol.max_size = 16384  # the largest record of TLS


async def accept(listener: socket.socket, admission: Admission, tls: ssl.SSLContext | None, handler: Handler) -> None:
    """Serve whoever connects to that listening socket, which does not block, until cancelled."""
    loop, serving = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    while True:
        try:
            client, address = await loop.sock_accept(listener)
        except OSError as error:  # they have gone again, or the kernel has no room: not for ever
            log.line(f"wui: no connection accepted: {error.strerror}")
            await asyncio.sleep(0.1)
            continue
        task = asyncio.create_task(_serve_client(client, tls, handler))
        place = admission.admit(address[0], partial(_end_connection, client))
        serving.add(task)
        task.add_done_callback(serving.discard)
        task.add_done_callback(partial(_release_place, admission, place))
        await asyncio.sleep(0)  # those who are here already come first, however many wait to be accepted


def _release_place(admission: Admission, place: Place, _: object) -> None:
    admission.release(place)


async def _serve_client(client: socket.socket, tls: ssl.SSLContext | None, handler: Handler) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(HEAD_LIMIT, loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    limits = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": SHUTDOWN_SECONDS} if tls else {}
    with contextlib.suppress(OSError):  # TimeoutError and ssl.SSLError are some
        async with asyncio.timeout(CONNECTION_SECONDS):
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=tls, **limits)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                await serve(reader, writer, handler, BODY_LIMIT, program="wui")
            finally:
                abort(writer)


def _end_connection(client: socket.socket) -> None:
    """Whatever it is at, the handshake too, it comes to its end."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
