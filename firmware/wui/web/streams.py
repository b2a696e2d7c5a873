"""A connection as Tornado reads and writes it, and how long it may be held by somebody who has proved nothing yet.

It is counted from the moment it is accepted (`http11.admission`). Its handshake has a few seconds, and it has a minute in all
until it brings the cookie of a session, or a token: then it is counted with those of people who have logged in.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tornado.iostream import IOStream, SSLIOStream

from firmware.http11.admission import Admission, Place

#: connections at a time of people who have not logged in, in all and of one address; and of people who have
MOST, MOST_OF_ONE = 64, 16
MOST_TRUSTED, MOST_TRUSTED_OF_ONE = 96, 48
#: seconds that a handshake of TLS may take, and a connection in all before anybody has logged in on it
HANDSHAKE_SECONDS, CONNECTION_SECONDS = 5.0, 60.0
#: bytes that are read at a time: a record of TLS; and that wait to be taken, at most
READ_SIZE, BUFFER_LIMIT = 16384, 1 << 20

#: the first byte of whoever speaks TLS, and the answer where there is none
_TLS_HANDSHAKE, _NO_TLS_HERE = 0x16, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class Rooms:
    """The places for connections: of anybody, and of people who have logged in."""

    anybody: Admission = field(default_factory=lambda: Admission(MOST, MOST_OF_ONE))
    trusted: Admission = field(default_factory=lambda: Admission(MOST_TRUSTED, MOST_TRUSTED_OF_ONE))


class Hold:
    """The place that one connection holds. `end` closes the connection."""

    def __init__(self, rooms: Rooms, source: str, end: Callable[[], None]) -> None:
        self._rooms, self._source, self._end = rooms, source, end
        self._is_trusted, self._room = False, rooms.anybody
        self._began = time.monotonic()
        self._timers = [asyncio.get_running_loop().call_later(CONNECTION_SECONDS, end)]
        self._place: Place | None = rooms.anybody.admit(source, end)

    def age(self) -> float:
        """Seconds since it was accepted."""
        return time.monotonic() - self._began

    def expect_handshake(self, handshake: "asyncio.Future[SSLIOStream]") -> None:
        """It is closed unless the handshake is done in time."""
        timer = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self._end)
        self._timers.append(timer)
        handshake.add_done_callback(lambda _: timer.cancel())

    def trust(self) -> None:
        """Somebody who has logged in uses it."""
        if self._is_trusted or self._place is None:
            return
        self._is_trusted = True
        self.release()
        self._room = self._rooms.trusted
        self._place = self._room.admit(self._source, self._end)

    def release(self) -> None:
        """It is at its end."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._place is not None:
            self._room.release(self._place)
            self._place = None


class PlainStream(IOStream):
    """A connection without TLS. Who speaks TLS is told at once, in HTTP: that is no TLS, so they need not wait."""

    hold: Hold | None = None
    _has_read = False

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """What came, as Tornado wants it."""
        got: int | None = super().read_from_fd(buf)
        if got and not self._has_read:
            self._has_read = True
            if buf[0] == _TLS_HANDSHAKE:
                with contextlib.suppress(OSError):
                    self.socket.send(_NO_TLS_HERE)
                return 0
        return got

    def close_fd(self) -> None:
        """Tornado is done with it, for whatever reason."""
        super().close_fd()
        _release(self)


class TlsStream(SSLIOStream):
    """A connection with TLS."""

    hold: Hold | None = None

    def close_fd(self) -> None:
        """Tornado is done with it, for whatever reason."""
        super().close_fd()
        _release(self)


Stream = PlainStream | TlsStream


def _release(stream: Stream) -> None:
    if stream.hold is not None:
        stream.hold.release()


def open_stream(client: socket.socket, source: str, tls: ssl.SSLContext | None, rooms: Rooms) -> Stream | None:
    """A connection that has been accepted; None if it has ended already."""
    if tls is None:
        plain = PlainStream(client, max_buffer_size=BUFFER_LIMIT, read_chunk_size=READ_SIZE)
        plain.hold = Hold(rooms, source, plain.close)
        return plain
    try:
        wrapped = tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
    except OSError:  # ssl.SSLError is one
        with contextlib.suppress(OSError):
            client.close()
        return None
    stream = TlsStream(wrapped, ssl_options=tls, max_buffer_size=BUFFER_LIMIT, read_chunk_size=READ_SIZE)
    stream.hold = Hold(rooms, source, stream.close)
    stream.hold.expect_handshake(stream.wait_for_handshake())
    return stream
