"""What a daemon said: the bounded logs that s6-log keeps below /run/firmware/log, read from a mark on or from the end."""

import os
from dataclasses import dataclass
from pathlib import Path

LOGS = Path("/run/firmware/log")

#: how the finish script says that the daemon has ended
ENDED = "-- ended: "

#: s6-log's time stamp and the two blanks after it
_STAMP = len("2000-01-01 00:00:00.000000000  ")
_LONGEST = 65536


@dataclass(frozen=True, slots=True)
class LogMark:
    """A place in a log: the file's inode number and the offset in it."""

    inode: int
    offset: int


def log_directory(title: str, *, top: Path = LOGS) -> Path:
    """The directory of a service's log; what is written now goes to `current` in it."""
    return top / title


def end_of_log(title: str, *, top: Path = LOGS) -> LogMark:
    """The end of the log as it is now."""
    try:
        status = (log_directory(title, top=top) / "current").stat()
    except FileNotFoundError:
        return LogMark(0, 0)
    return LogMark(status.st_ino, status.st_size)


def text_since(title: str, start: LogMark, *, top: Path = LOGS) -> str:
    """What was logged since a mark, without time stamps, also when the log has been turned over in between."""
    text = b""
    for path in reversed(_log_files(log_directory(title, top=top))):
        data = _read_file(path)
        if data is None:
            continue
        inode, content = data
        if inode == start.inode:
            text = content[start.offset :] + text
            break
        text = content + text
        if len(text) > _LONGEST:
            break
    return "\n".join(_without_stamps(text[-_LONGEST:]))


def last_lines(title: str, count: int, *, top: Path = LOGS) -> list[str]:
    """The last `count` lines, with their time stamps."""
    text = b""
    for path in reversed(_log_files(log_directory(title, top=top))):
        data = _read_file(path)
        text = (data[1] if data else b"") + text
        if text.count(b"\n") > count:
            break
    return text.decode("utf-8", "replace").splitlines()[-count:]


def last_words(title: str, count: int = 8, *, top: Path = LOGS) -> str:
    """What it said before it last ended, and how it ended; "" if it never did."""
    lines = [line[_STAMP:] for line in last_lines(title, 400, top=top)]
    ends = [number for number, line in enumerate(lines) if line.startswith(ENDED)]
    if not ends:
        return ""
    first = ends[-2] + 1 if len(ends) > 1 else 0
    return readable_end("\n".join(lines[first : ends[-1] + 1]), count)


def readable_end(text: str, count: int = 8) -> str:
    """The last lines of a text for a person: how it ended without the mark before it."""
    return "\n".join(line.removeprefix("-- ") for line in text.splitlines()[-count:])


def _log_files(directory: Path) -> list[Path]:
    """Oldest first; their names begin with time labels that sort."""
    return [*sorted(directory.glob("@*")), directory / "current"]


def _read_file(path: Path) -> tuple[int, bytes] | None:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_ino, file.read()
    except FileNotFoundError:
        return None


def _without_stamps(text: bytes) -> list[str]:
    return [line[_STAMP:] for line in text.decode("utf-8", "replace").splitlines()]
