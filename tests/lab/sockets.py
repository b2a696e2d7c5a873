"""Unix sockets in directories with long paths: the kernel takes 108 bytes for the name of one."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def connect(path: Path, seconds: float | None = None) -> socket.socket:
    """A connection to the socket there, whose calls may take that long."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(seconds)
        with _short_name(path) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def listen(path: Path) -> socket.socket:
    """A new socket there that others can connect to."""
    listener = socket.socket(socket.AF_UNIX)
    with _short_name(path) as name:
        listener.bind(name)
    listener.listen(16)
    return listener


@contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """Another name of that path, as long as this lasts."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
