"""Packets: what comes whole is found in whatever else is on the line, and nothing else is."""

import random

from hypothesis import given
from hypothesis import strategies as st

from firmware.provision import packets
from firmware.provision.packets import ANSWER, QUESTION, Assembler, Decoder, Message

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=400)


def received(data: bytes, pieces: int = 7) -> list[Message]:
    decoder, assembler = Decoder(), Assembler()
    found = [packet for start in range(0, len(data), pieces) for packet in decoder.feed(data[start : start + pieces])]
    return [message for packet in found if (message := assembler.add(packet))]


@given(TEXT, st.integers(1, 50))
def test_a_message_comes_whole(text: str, pieces: int) -> None:
    message = Message(QUESTION, 0xABCDEF, text)
    assert received(packets.encode(message), pieces) == [message]


@given(TEXT, st.binary(max_size=200), st.integers(0, 2000))
def test_noise_before_a_message_does_not_spoil_it(text: str, noise: bytes, _: int) -> None:
    message = Message(ANSWER, 1, text)
    assert received(noise.replace(packets.STX, b"") + packets.encode(message)) == [message]
    assert received(noise + packets.STX + noise + b"\n" + packets.encode(message))[-1] == message


def test_a_spoiled_byte_anywhere_leaves_out_that_packet_and_no_other() -> None:
    data = packets.encode(Message(QUESTION, 5, "one short text"))
    for place in range(len(data)):
        for bit in range(8):
            spoiled = bytearray(data)
            spoiled[place] ^= 1 << bit
            assert received(bytes(spoiled)) == [], (place, bit)
            assert received(bytes(spoiled) + data) == [Message(QUESTION, 5, "one short text")]


def test_packets_of_several_attempts_make_one_message() -> None:
    text = "x" * 300
    data = packets.encode(Message(QUESTION, 7, text)).splitlines(keepends=True)
    assert received(b"".join(data[::2] + data[1::2])) == [Message(QUESTION, 7, text)]


def test_what_is_kept_has_bounds() -> None:
    decoder, assembler, lot = Decoder(), Assembler(), random.Random(1)
    for number in range(20000):
        list(decoder.feed(packets.STX + lot.randbytes(lot.randrange(200)).replace(b"\n", b"")))
        assembler.add(packets.Packet(QUESTION, number, 0, 255, "x" * 24))
    assert len(decoder._rest) < 100 and len(assembler._partial) <= packets.MOST_PARTIAL
