"""A log in the files of s6-log, read line by line as it grows; never more than a bounded part of it at once."""

import os
from collections.abc import Iterator
from pathlib import Path

#: bytes that are read at once, and of a line that is not ended yet
MOST = 1 << 20


class LogFiles:
    """The files of one log: `current`, and older ones that begin with @. `read_new` gives what came since the last call; the
    first one the end of what is there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._inode = self._offset = 0
        self._rest = b""
        self._begun = False

    def read_new(self) -> list[bytes]:
        """Whole lines, without their newlines. Of more than MOST bytes, the last ones."""
        if not self._begun:
            self._begun = True
            data, self._inode, self._offset = _read_end(self._directory)
        else:
            data = self._read_since()
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-MOST:]
        return lines

    def _read_since(self) -> bytes:
        """The rest of the file that was read last, whatever it is called by now, and of what came after it."""
        data, now = b"", (self._inode, self._offset)
        for path in reversed(_paths(self._directory)):
            try:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    is_last = status.st_ino == self._inode and status.st_size >= self._offset
                    file.seek(max(self._offset if is_last else 0, status.st_size - MOST))
                    data = file.read(MOST) + data
                    if path.name == "current":
                        now = status.st_ino, file.tell()
            except FileNotFoundError:
                continue
            if is_last or len(data) > MOST:
                self._inode, self._offset = now
                return data[-MOST:]
        return self._begin_again(data)

    def _begin_again(self, data: bytes) -> bytes:
        """What was read last is gone: its log was turned over too often, or made anew."""
        _, self._inode, self._offset = _read_end(self._directory)
        return data[-MOST:]


def all_lines(directory: Path) -> Iterator[bytes]:
    """Every line that there is, oldest first."""
    for path in _paths(directory):
        try:
            with path.open("rb") as file:
                for line in iter(lambda file=file: file.readline(MOST), b""):  # type: ignore[misc]
                    yield line.rstrip(b"\n")
        except FileNotFoundError:
            continue


def _read_end(directory: Path) -> tuple[bytes, int, int]:
    """The last MOST bytes from the beginning of a line on; and which file is `current`, and how far it was read."""
    data, inode, offset = b"", 0, 0
    for path in reversed(_paths(directory)):
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                file.seek(max(0, status.st_size - MOST + len(data)))
                data = file.read(MOST) + data
                if path.name == "current":
                    inode, offset = status.st_ino, file.tell()
        except FileNotFoundError:
            continue
        if len(data) >= MOST:
            return data[-MOST:].partition(b"\n")[2], inode, offset
    return data, inode, offset


def _paths(directory: Path) -> list[Path]:
    """Oldest first: their names begin with time labels that sort."""
    return [*sorted(directory.glob("@*")), directory / "current"]
