"""What haproxy's worker says of its proxies, and what it is told to do with a server, through the master's socket.

Names of proxies and servers go into a command line of haproxy's own: only what is one of haproxy's names does. What the
worker answers may be anything; it is bounded, and never believed to be more than words.
"""

import re
from collections.abc import Mapping

from firmware.errors import Failure, Refused, Unavailable, Usage
from firmware.haproxy import master
from firmware.printable import escape, quote_word, shorten

#: what a server may be told to be, and the word in its answer by which that is known
STATES = ("ready", "drain", "maint")
#: the largest weight of a server
MOST_WEIGHT = 256

#: what haproxy takes as the name of a proxy or a server
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")
#: bytes of its statistics that are read, and lines that are taken
_LONGEST, _MOST_ROWS = 8 << 20, 10_000
#: characters of a value that are kept
_LONGEST_VALUE = 200

Row = Mapping[str, str]


def read_statistics(path: str, master_pid: int) -> tuple[Row, ...]:
    """A row for each frontend, backend, server and listener, by the names of haproxy's columns; Failure if no worker answers."""
    answer = _ask(path, master_pid, "show stat")
    head, *lines = answer.splitlines() or [""]
    if not head.startswith("# pxname,svname,"):
        raise Failure(
            f"haproxy: its worker answers something else: {escape(shorten(head, 80))}", "service haproxy status"
        )
    columns = head.removeprefix("# ").split(",")
    return tuple(_row(columns, line) for line in lines[:_MOST_ROWS] if line)


def set_state(path: str, master_pid: int, backend: str, server: str, state: str) -> None:
    """Have a server be ready for everybody, drain (it ends what it has begun, and gets nothing new) or in maintenance."""
    if state not in STATES:
        raise Usage(f"{quote_word(state)}: a server is {', '.join(STATES[:-1])} or {STATES[-1]}")
    _command(path, master_pid, f"set server {_server(backend, server)} state {state}")


def set_weight(path: str, master_pid: int, backend: str, server: str, weight: int) -> None:
    """Give a server another share of what its backend gets; 0: nothing new."""
    if not 0 <= weight <= MOST_WEIGHT:
        raise Usage(f"{weight}: the weight of a server is between 0 and {MOST_WEIGHT}")
    _command(path, master_pid, f"set server {_server(backend, server)} weight {weight}")


def _server(backend: str, server: str) -> str:
    for name in (backend, server):
        if not _NAME.fullmatch(name):
            raise Usage(f"{quote_word(name)}: haproxy has no proxy or server of this name")
    return f"{backend}/{server}"


def _command(path: str, master_pid: int, command: str) -> None:
    """A command that answers nothing if it is carried out; Refused with what it answers."""
    if said := _ask(path, master_pid, command).strip():
        raise Refused(f"haproxy: {escape(shorten(said, 400), keep=chr(10))}")


def _ask(path: str, master_pid: int, command: str) -> str:
    answer = master.ask(path, master_pid, f"@1 {command}", longest=_LONGEST)
    if answer is None:
        raise Unavailable("haproxy: no worker answers", "service haproxy status")
    return answer


def _row(columns: list[str], line: str) -> Row:
    values = _split(line)
    return {name: shorten(escape(value), _LONGEST_VALUE) for name, value in zip(columns, values, strict=False) if name}


def _split(line: str) -> list[str]:
    """The values of a line: one with a comma or a quote in it is quoted, as RFC 4180 has it."""
    import csv

    return next(csv.reader([line]), [])
