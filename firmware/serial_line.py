"""A serial line: a device, a pseudo terminal, or a socket that a virtual unit's line leads to (`socket://HOST:PORT`)."""

import errno
import os
import re
import select
import socket
import termios
import time
from contextlib import suppress
from pathlib import Path

import serial

from firmware.errors import Failure, Lost, Refused, Usage

SPEED = 115200
#: how the name of a Unix socket begins, which QEMU has and pyserial does not know
UNIX = "unix://"
#: bytes that are read at once, and seconds that a write may take
_PIECE, _WRITE_SECONDS = 4096, 5.0
#: errors of a terminal whose cable is pulled
_PULLED = (OSError, serial.SerialException, termios.error)


class Line:
    """A line that is open, for one program alone. All of it is bytes; what is lost or damaged on its way is for others to see to.

    Raises Lost once the line is gone: the cable of an adapter was pulled, or the socket is closed.
    """

    def __init__(self, name: str, speed: int = SPEED) -> None:
        """`name` is the path of a device or of a Unix socket, socket://HOST:PORT or unix://PATH. Failure if it cannot be opened,
        Refused if somebody else has it."""
        self.name = name
        if name.startswith(UNIX) or ("://" not in name and Path(name).is_socket()):
            self._port: serial.SerialBase | socket.socket = _connect(name)
            return
        try:
            exclusive = {} if "://" in name else {"exclusive": True}
            self._port = serial.serial_for_url(
                name, baudrate=speed, timeout=0, write_timeout=_WRITE_SECONDS, **exclusive
            )
        except ValueError as error:
            raise Usage(
                f"{name}: no such line: {error}", "a device such as /dev/ttyUSB0, or socket://HOST:PORT"
            ) from None
        except _PULLED as error:
            raise _not_opened(name, error) from None

    def fileno(self) -> int:
        """For who waits for several."""
        return int(self._port.fileno())

    def read(self, seconds: float) -> bytes:
        """What has arrived; waits up to so many seconds for something, and returns nothing if nothing comes."""
        try:
            ready, _, _ = select.select([self], [], [], max(0.0, seconds))
            if not ready:
                return b""
            data = self._port.recv(_PIECE) if isinstance(self._port, socket.socket) else self._port.read(_PIECE)
        except (*_PULLED, TypeError) as error:  # TypeError: pyserial, on a port that was closed meanwhile
            raise self._lost(error) from None
        if not data and isinstance(self._port, socket.socket):
            raise self._lost("it was closed at the other end")
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send all of it. Lost if the line takes nothing for some seconds."""
        try:
            if isinstance(self._port, socket.socket):
                self._port.sendall(data)
                return
            rest, end = memoryview(data), time.monotonic() + _WRITE_SECONDS
            while rest and time.monotonic() < end:
                rest = rest[self._port.write(rest) or 0 :]
        except (*_PULLED, TypeError) as error:
            raise self._lost(error) from None

    def close(self) -> None:
        """Let go of it; what has not been sent yet may be lost."""
        with suppress(*_PULLED):
            self._port.close()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lost(self, why: object) -> Lost:
        return Lost(f"{self.name}: the line is gone: {why}", "plug the cable in again, and repeat the command")


def _connect(name: str) -> socket.socket:
    path, here = name.removeprefix(UNIX), os.getcwd()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_WRITE_SECONDS)
    try:
        # The path of a socket has 107 bytes at most.
        connection.connect(path if len(path.encode()) < 108 else os.path.relpath(path, here))
    except OSError as error:
        connection.close()
        raise _not_opened(name, error) from None
    return connection


def _not_opened(name: str, error: Exception) -> Failure:
    number = getattr(error, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY) or "lock" in str(error):
        return Refused(f"{name}: another program has this line", f"fuser {name} names it")
    if isinstance(error, termios.error) or f"({errno.ENOTTY}," in str(error):
        return Failure(f"{name}: it is no serial line", "ls -l /dev/serial/by-id names those that are there")
    path = Path(name.removeprefix(UNIX))
    hints = {
        errno.ENOENT: f"ls -l {path.parent} names what is there",
        errno.EACCES: f"ls -l {path} names the group that may use it: become one of it, and log in again",
    }
    return Failure(f"{name}: it cannot be opened: {_words(name, error)}", hints.get(number or 0, ""))


def _words(name: str, error: Exception) -> str:
    """Why, without the name once more. pyserial has words for what the system has a number for."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else re.sub(r"^.*\[Errno -?\d+\] ", "", str(error).replace(f"{name}: ", ""))
