"""The node as it is: network, clock, logs."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from firmware.errors import Usage
from firmware.operations import network_overview
from firmware.operations.logs import sources
from firmware.operations.logs.sources import LogReader, LogSource
from firmware.operations.network_overview import NetworkOverview, TimeOverview
from firmware.session.conversation import Conversation
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Download, Endpoint

#: seconds between two looks at a log, lines that are shown of what came meanwhile, and bytes of a message
TICK, MOST_LINES, _MESSAGE = 0.5, 1000, 48 << 10
#: bytes of a download that are sent in one go
_PIECE = 64 << 10


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which log (system, events, console, or another one that /logs/sources names), how many lines of its end, and words that
    are to be in them, whatever their case."""

    source: str = sources.SYSTEM
    lines: int = 200
    filter: str = ""


@dataclass(frozen=True, slots=True)
class WholeLog:
    """Which log."""

    source: str = sources.SYSTEM


@dataclass(frozen=True, slots=True)
class LogLines:
    """The end of a log, oldest first."""

    source: str
    lines: tuple[str, ...]


def show_network() -> NetworkOverview:
    """Interfaces, addresses, routes, name servers."""
    return network_overview.network_overview()


def show_time() -> TimeOverview:
    """The clock, and what service ntp says of it."""
    return network_overview.time_overview()


def list_logs() -> tuple[LogSource, ...]:
    """The logs that there are."""
    return sources.list_sources()


def show_log(call: Call, query: LogQuery) -> LogLines:
    """The end of a log."""
    _require_count(query.lines)
    lines = sources.last_lines(query.source, query.lines, filter=query.filter, secrets=call.role == ADMIN)
    return LogLines(query.source, tuple(lines))


def download_log(call: Call, query: WholeLog) -> Download:
    """A whole log."""
    sources.require_source(query.source)
    lines = sources.whole_log(query.source, secrets=call.role == ADMIN)
    return Download(_pieces(lines), f"{query.source}.log", "text/plain; charset=utf-8")


def follow_log(call: Call, talk: Conversation, query: LogQuery) -> None:
    """{lines, skipped}: the end of the log, then what is added; `skipped` lines came too fast to be shown."""
    _require_count(query.lines)
    with closing(LogReader(query.source, filter=query.filter, secrets=call.role == ADMIN)) as reader:
        lines, _ = reader.read_new(query.lines)
        skipped = 0
        while True:
            for part in _messages(lines):
                talk.tell({"lines": part, "skipped": skipped})
                skipped = 0
            talk.hear(TICK)
            lines, skipped = reader.read_new(MOST_LINES)


def _messages(lines: list[str]) -> Iterator[list[str]]:
    """The lines in portions that a message holds."""
    part: list[str] = []
    size = 0
    for line in lines:
        length = len(json.dumps(line))
        if part and size + length > _MESSAGE:
            yield part
            part, size = [], 0
        part.append(line)
        size += length
    if part:
        yield part


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    piece = bytearray()
    for line in lines:
        piece += line.encode() + b"\n"
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _require_count(lines: int) -> None:
    if not 1 <= lines <= MOST_LINES:
        raise Usage(f"{lines}: between 1 and {MOST_LINES} lines", "/logs/download has all of them")


ENDPOINTS = (
    Endpoint("GET", "/network", MONITOR, "interfaces, addresses, routes, name servers", show_network),
    Endpoint("GET", "/time", MONITOR, "the clock, and what service ntp says of it", show_time),
    Endpoint("GET", "/logs", MONITOR, "the end of a log", show_log),
    Endpoint("GET", "/logs/sources", MONITOR, "the logs that there are", list_logs),
    Endpoint("GET", "/logs/download", MONITOR, "a whole log", download_log),
)
CHANNELS = (Channel("/logs", MONITOR, "a log as it grows", follow_log),)
