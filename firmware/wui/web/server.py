"""The server: it accepts connections, hands them to Tornado, and stops in good order."""

import asyncio
import logging
import socket
import ssl

from tornado.httpserver import HTTPServer
from tornado.web import Application

from firmware import log
from firmware.wui.live import LIMIT as MESSAGE_LIMIT
from firmware.wui.relay import LIMIT as BODY_LIMIT
from firmware.wui.site import Site
from firmware.wui.web.exchange import Exchange
from firmware.wui.web.streams import READ_SIZE, Rooms, open_stream
from firmware.wui.web.websocket import GOING_AWAY, PING_SECONDS, Live

#: bytes of a head; seconds until a head has come, also the next one on the same connection; and of a short body
HEAD_LIMIT, HEAD_SECONDS, BODY_SECONDS = 16384, 60.0, 60.0
#: seconds that requests have which are under way when it is told to stop
STOP_SECONDS = 5.0


class Server:
    """A site, served at some listening sockets."""

    def __init__(self, site: Site, tls: ssl.SSLContext | None, rooms: Rooms | None = None) -> None:
        _tell_errors_only()
        self._tls, self._rooms = tls, rooms or Rooms()
        self._tabs, self._under_way = set[Live](), set["asyncio.Future[None]"]()
        application = Application(
            [
                (r"/live", Live, {"site": site, "tabs": self._tabs}),
                (r".*", Exchange, {"site": site, "under_way": self._under_way}),
            ],
            log_function=lambda handler: None,
            websocket_ping_interval=PING_SECONDS,
            websocket_max_message_size=MESSAGE_LIMIT,
        )
        self._http = HTTPServer(
            application, protocol="https" if tls else "http", chunk_size=READ_SIZE, max_header_size=HEAD_LIMIT,
            idle_connection_timeout=HEAD_SECONDS, body_timeout=BODY_SECONDS, max_body_size=BODY_LIMIT,
        )  # fmt: skip

    async def accept(self, listener: socket.socket) -> None:
        """Serve whoever connects to that listening socket, which does not block, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(listener)
            except OSError as error:  # they have gone again, or the kernel has no room: not for ever
                log.line(f"wui: no connection accepted: {error.strerror}")
                await asyncio.sleep(0.1)
                continue
            if stream := open_stream(client, address[0], self._tls, self._rooms):
                self._http.handle_stream(stream, address)
            await asyncio.sleep(0)  # those who are here already come first, however many wait to be accepted

    async def stop(self) -> None:
        """Nobody is accepted any more: tell the tabs, and let what is under way come to its end, for a moment."""
        for tab in list(self._tabs):
            tab.close(GOING_AWAY, "the web UI stops")
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS)


class _ErrorsOnly(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """An error of ours, with its trace; what clients do wrong is their business, and fills no log."""
        if record.exc_info and record.exc_info[1]:
            log.internal_error("wui", record.exc_info[1], daemon=True)


def _tell_errors_only() -> None:
    logger = logging.getLogger("tornado")
    logger.propagate, logger.handlers = False, [_ErrorsOnly(logging.ERROR)]
