"""Ping, traceroute and packet capture, live."""

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from firmware.errors import Failure, Refused
from firmware.operations import live_program
from firmware.operations.live_program import LiveProgram
from firmware.operations.packet_capture import MOST_BYTES, Capture, Captures
from firmware.session.conversation import Conversation, Ended
from firmware.session.endpoint import ADMIN, MONITOR, Call, Channel, Download, Endpoint, NotFound

#: programs of one session that run at a time
MOST = 4

_places = threading.BoundedSemaphore(MOST)
_captures = Captures()


@dataclass(frozen=True, slots=True)
class Pinging:
    """An address or a name, and how many packets go there."""

    address: str
    packets: int = 10


@dataclass(frozen=True, slots=True)
class Tracing:
    """An address or a name."""

    address: str


@dataclass(frozen=True, slots=True)
class Capturing:
    """An interface ("any": all of them), a filter as tcpdump has it, and when it ends."""

    interface: str = "any"
    filter: str = ""
    packets: int = 1000
    seconds: int = 60


def ping(talk: Conversation, query: Pinging) -> None:
    """{lines}, and {said} once it has ended."""
    with _place():
        _show(live_program.start_ping(query.address, query.packets), talk)


def traceroute(talk: Conversation, query: Tracing) -> None:
    """{lines}, and {said} once it has ended."""
    with _place():
        _show(live_program.start_traceroute(query.address), talk)


def capture(call: Call, talk: Conversation, query: Capturing) -> None:
    """{capture: ID} at first, by which its file can be fetched afterwards, also if this is ended before; {lines}; and {said} with
    tcpdump's summary. The browser may send {stop: true}."""
    with _place():
        one = Capture(query.interface, query.filter, query.packets, query.seconds, call.who)
        said = ""
        try:
            _captures.keep(one)
            talk.tell({"capture": one.id})
            _follow_capture(one, talk)
        except Ended:
            with suppress(Failure):
                one.end()
            raise
        except BaseException:
            one.end()
            raise
        said = one.end()
        talk.tell({"said": said, "bytes": one.size})


def fetch_capture(id: str) -> Download:
    """The file of a capture of this session."""
    found = _captures.find(id)
    if found is None:
        raise NotFound(f"{id[:40]!r}: this session has no such capture", "capture again")
    return Download(found.pieces(), f"capture-{id}.pcap", "application/vnd.tcpdump.pcap")


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Refused(f"{MOST} such programs run in this session", "end one")
    try:
        yield
    finally:
        _places.release()


def _show(program: LiveProgram, talk: Conversation) -> None:
    status = -1
    try:
        _relay(program, talk)
    finally:
        status = program.end()
    talk.tell({"said": "" if status == 0 else f"it ended with exit status {status}"})


def _relay(program: LiveProgram, talk: Conversation) -> None:
    while not program.is_over:
        ready = _await(program, talk)
        if talk in ready:
            talk.hear(0)
        if program in ready and (lines := program.read_lines()):
            talk.tell({"lines": lines})


def _await(*wanted: Any) -> list[Any]:
    """Those of them that have something to read, once one has."""
    return select.select(wanted, [], [])[0]


def _follow_capture(one: Capture, talk: Conversation) -> None:
    program = one.program
    while not program.is_over:
        ready = _await(program, talk)
        if talk in ready and (said := talk.hear_message(0)) and said.get("stop"):
            one.interrupt()
        if program in ready and (lines := program.read_lines()):
            talk.tell({"lines": lines})
        if one.size >= MOST_BYTES:
            one.interrupt()


ENDPOINTS = (Endpoint("GET", "/captures/{id}", ADMIN, "the file of a capture of this session", fetch_capture),)
CHANNELS = (
    Channel("/ping", MONITOR, "whether an address answers", ping),
    Channel("/traceroute", MONITOR, "the way to an address", traceroute),
    Channel("/capture", ADMIN, "the packets of an interface", capture, keeps_awake=True),
)
