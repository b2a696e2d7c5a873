"""What haproxy.cfg says, as far as we have to know it: its lines, and those with which no worker starts.

haproxy starts as an account of its own that may bind low ports and nothing else. Where its file wants to change the
account or the root directory, `haproxy -c` finds nothing wrong, but every worker would die after it has taken over.
"""

import errno
import os
import stat
from collections.abc import Iterator

SECTIONS = frozenset(
    (
        "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "resolvers", "mailers", "ring", "cache",
        "program", "http-errors", "fcgi-app", "log-forward", "crt-store", "log-profile", "traces", "acme",
    )
)  # fmt: skip

#: global keyword → the only values with which a worker starts
ACCOUNT = {"user": ("haproxy",), "group": ("haproxy",), "uid": (), "gid": (), "chroot": ()}


def account_problems(path: str) -> list[str]:
    """The lines of the global section that would stop every worker, as FILE:LINE: …"""
    return [
        f"{path}:{number}: '{words[0]}': haproxy runs as an account of its own; leave it out"
        for number, section, words in lines_with_words(path)
        if section == "global" and words[0] in ACCOUNT and not _is_startable(words)
    ]


def lines_with_words(path: str) -> Iterator[tuple[int, str, list[str]]]:
    """The lines that hold words: number, section, words."""
    section = ""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", opener=_open_without_waiting) as file:
            lines = [line.split() for line in file]
    except OSError:
        return  # haproxy itself says so
    for number, words in enumerate(lines, 1):
        if words and not words[0].startswith("#"):
            section = words[0] if words[0] in SECTIONS else section
            yield number, section, words


def _open_without_waiting(path: str, flags: int) -> int:
    """Root reads it, too, when haproxy is reloaded: a FIFO in its place must not keep it for ever."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a file", path)
    return handle


def _is_startable(words: list[str]) -> bool:
    return len(words) > 1 and words[1].strip("\"'") in ACCOUNT[words[0]]
