"""What is said with a unit, as somebody at the bench sees it."""

from typing import Any

import pytest

from firmware.provision import exchange
from firmware.provision.packets import ANSWER, WORKING, Assembler, Decoder, Message, encode
from firmware.provision.questions import Save
from firmware.station.conversation import Conversation


class Unit:
    """At work first, and done when it is asked again."""

    def __init__(self) -> None:
        self.asked, self.waiting = 0, b""

    def read(self, _: float, /) -> bytes:
        data, self.waiting = self.waiting, b""
        return data

    def write(self, data: bytes, /) -> None:
        assembler = Assembler()
        (asked,) = filter(None, map(assembler.add, Decoder().feed(data)))
        self.asked += 1
        done = Message(ANSWER, asked.id, '{"generation":1,"digest":"x"}')
        words = ("at work", "save", "block 7")
        work = b"".join(encode(Message(WORKING, asked.id, one)) for one in words)
        self.waiting = encode(done) if self.asked > 1 else work


def test_what_a_unit_is_at_is_told_with_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """That alone, and once: a unit that only says that it is at work says nothing new."""
    monkeypatch.setattr(exchange, "WORKING_PAUSE", 0.01)
    told: list[str] = []
    talk = Conversation(Unit(), told.append)
    answer: Any = talk.ask(Save())
    assert answer.generation == 1 and [result["step"] for result in talk.results] == ["save"]
    assert told == ["save", "save: block 7"]
