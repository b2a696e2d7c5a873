"""A channel, as the function that serves it sees it: what it tells, what it hears, and that the other side has gone."""

import socket
from collections.abc import Mapping
from typing import Any

from firmware import frames
from firmware.frames import Frame


class Ended(Exception):
    """The other side has gone, or the session is over."""


class Conversation:
    """The connection of one channel. What is told waits until the browser reads it."""

    __slots__ = ("_connection",)

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        """For `select`."""
        return self._connection.fileno()

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message. Ended if nobody is there."""
        self._send(frames.encode_message(message))

    def tell_bytes(self, content: bytes) -> None:
        """Send bytes."""
        for frame in frames.encode_data(content):
            self._send(frame)

    def hear(self, seconds: float | None = None) -> Frame | None:
        """What the other side sends within so many seconds (None: however long that takes); None if it sends nothing. Ended
        if it has gone, or says that it is at its end; Failure for what is no frame."""
        import select

        waiting = select.poll()
        waiting.register(self._connection, select.POLLIN)
        if not waiting.poll(None if seconds is None else max(0.0, seconds) * 1000):
            return None
        try:
            frame = frames.receive_frame(self._connection)
        except OSError:
            raise Ended from None
        if frame is None or frame.kind == frames.END:
            raise Ended
        return frame

    def hear_message(self, seconds: float | None = None) -> dict[str, Any] | None:
        """The same for who takes messages alone; Failure for bytes."""
        frame = self.hear(seconds)
        return None if frame is None else frame.body

    def end(self, problem: Mapping[str, Any] | None = None) -> None:
        """Say that nothing follows, and why if there is a problem."""
        self._send(frames.encode_end(problem))

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:
            raise Ended from None
