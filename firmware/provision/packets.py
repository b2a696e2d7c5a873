"""Packets: how a message crosses a serial line that loses, doubles and changes bytes.

A message is ASCII text, and goes in packets of a few bytes each: a line with noise spoils long ones, hardly any short one.
A packet is a line of ASCII that begins with STX:

    STX KIND ID PART PARTS LENGTH CRC TEXT LF

KIND is a letter, ID six hexadecimal digits that the question and all that answers it have in common; PART (from 00), PARTS
and LENGTH (of TEXT) have two such digits, CRC eight: the CRC-32 of all before it but STX, and of TEXT. What does not fit is
left out, and the next STX begins anew.
"""

import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.errors import Failure

#: the kinds: what the host asks · the unit's answer · that it is at work on it · that it has only a part of what was asked
QUESTION, ANSWER, WORKING, PART = "Q", "A", "W", "P"
STX, LF = b"\x02", b"\n"
#: the id of what a locked unit says, whoever asks; no question has it
ANY = 0
#: characters of text in a packet, packets of a message, characters of a message
MOST_TEXT, MOST_PARTS = 24, 255
MOST_MESSAGE = MOST_TEXT * MOST_PARTS
#: messages of which only some packets have come and that are kept, for all that come at once
MOST_PARTIAL = 4

_PACKET = re.compile(rb"([QAWP])([0-9a-f]{6})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{8})([ -~]*)")
_LONGEST = 1 + 6 + 2 + 2 + 2 + 8 + MOST_TEXT


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that came whole: part `part` of `parts` of a message."""

    kind: str
    id: int
    part: int
    parts: int
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came whole."""

    kind: str
    id: int
    text: str


def encode(message: Message) -> bytes:
    """All packets of a message. Failure if it is too long, or no ASCII that can be printed."""
    text = message.text
    if len(text) > MOST_MESSAGE or not (text.isascii() and text.isprintable()):
        raise Failure(f"the message: {len(text)} characters; {MOST_MESSAGE} of ASCII are the most")
    pieces = [text[start : start + MOST_TEXT] for start in range(0, len(text), MOST_TEXT)] or [""]
    return b"".join(
        _encode_packet(Packet(message.kind, message.id, part, len(pieces), piece)) for part, piece in enumerate(pieces)
    )


def _encode_packet(packet: Packet) -> bytes:
    head = f"{packet.kind}{packet.id:06x}{packet.part:02x}{packet.parts:02x}{len(packet.text):02x}".encode()
    text = packet.text.encode()
    return STX + head + b"%08x" % zlib.crc32(head + text) + text + LF


def _decode_packet(data: bytes) -> Packet | None:
    """The packet between STX and LF; None if it is none, or not what was sent."""
    found = _PACKET.fullmatch(data)
    if found is None:
        return None
    kind, id, part, parts, length, crc, text = found.groups()
    packet = Packet(kind.decode(), int(id, 16), int(part, 16), int(parts, 16), text.decode())
    fits = len(text) == int(length, 16) <= MOST_TEXT and packet.part < packet.parts
    return packet if fits and zlib.crc32(data[:13] + text) == int(crc, 16) else None


class Decoder:
    """Finds packets in what comes over a line, whatever else is in there. It keeps no more than one packet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are complete with these bytes."""
        _, *others = (self._rest + data).split(STX)
        self._rest = b""
        for piece in others:
            line, end, _ = piece.partition(LF)
            if end and (packet := _decode_packet(line)):
                yield packet
        if others and LF not in others[-1] and len(others[-1]) <= _LONGEST:
            self._rest = STX + others[-1]


class Assembler:
    """Makes messages of packets, which may come in any order, several times, and from several attempts to send the same."""

    def __init__(self) -> None:
        self._partial: OrderedDict[tuple[str, int, int], dict[int, str]] = OrderedDict()

    def add(self, packet: Packet) -> Message | None:
        """The message that is complete with this packet; it is forgotten then. None while packets are missing."""
        key = (packet.kind, packet.id, packet.parts)
        texts = self._partial.setdefault(key, {})
        self._partial.move_to_end(key)
        texts[packet.part] = packet.text
        if len(texts) == packet.parts:
            del self._partial[key]
            return Message(packet.kind, packet.id, "".join(texts[part] for part in range(packet.parts)))
        if len(self._partial) > MOST_PARTIAL:
            self._partial.popitem(last=False)
        return None
