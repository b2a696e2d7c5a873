"""Questions and answers: asked again until the answer is there; what the unit refuses is refused here."""

import json
import time
from collections.abc import Callable

import pytest

from firmware.errors import Failure, Lost, Refused
from firmware.provision import exchange
from firmware.provision.packets import ANSWER, PART, WORKING, Assembler, Decoder, Message, Packet, encode


class Unit:
    """Answers each whole question by what `answer` makes of it, on a line that has nothing else."""

    def __init__(self, answer: Callable[[Message], bytes]) -> None:
        self.answer, self.asked, self.waiting = answer, 0, b""
        self._decoder, self._assembler = Decoder(), Assembler()

    def read(self, _: float, /) -> bytes:
        data, self.waiting = self.waiting, b""
        return data

    def write(self, data: bytes, /) -> None:
        for packet in self._decoder.feed(data):
            if message := self._assembler.add(packet):
                self.asked += 1
                self.waiting += self.answer(message)


def say(message: Message, body: object, kind: str = ANSWER) -> bytes:
    return encode(Message(kind, message.id, json.dumps(body)))


def test_the_answer_comes_back() -> None:
    unit = Unit(lambda asked: say(asked, json.loads(asked.text)))
    assert exchange.ask(unit, "hello", {"protocol": 1}, 5) == {"step": "hello", "body": {"protocol": 1}}


def test_it_is_asked_again_until_the_answer_is_there() -> None:
    unit = Unit(lambda asked: say(asked, {"ok": 1}) if unit.asked > 3 else b"")
    assert exchange.ask(unit, "hello", {}, 30) == {"ok": 1}
    assert unit.asked == 4


def test_what_answers_another_question_counts_for_nothing() -> None:
    unit = Unit(lambda asked: say(Message(ANSWER, asked.id ^ 1, ""), {"wrong": 1}) + say(asked, {"right": 1}))
    assert exchange.ask(unit, "hello", {}, 5) == {"right": 1}


def test_silence_ends_it() -> None:
    with pytest.raises(Lost, match="does not answer"):
        exchange.ask(Unit(lambda _: b""), "hello", {}, 5, silence=0.6)


def test_a_unit_that_works_is_waited_for_and_says_at_what() -> None:
    said: list[str] = []
    unit = Unit(lambda asked: encode(Message(WORKING, asked.id, "memory")) if unit.asked < 2 else say(asked, {"ok": 1}))
    assert exchange.ask(unit, "self-test", {}, 30, silence=5, on_work=said.append) == {"ok": 1}
    assert said == ["memory"]


def test_a_unit_that_works_for_ever_is_given_up_when_its_time_is_over() -> None:
    """It speaks all the time, of this question, and never answers it."""

    class Talker(Unit):
        def read(self, _: float, /) -> bytes:
            time.sleep(0.01)
            return encode(Message(WORKING, self.id, "nearly done")) + encode(Message(PART, 0, ""))

        def write(self, data: bytes, /) -> None:
            self.id = next(Decoder().feed(data)).id

    began = time.monotonic()
    with pytest.raises(Lost, match="no whole answer came in time"):
        exchange.ask(Talker(lambda _: b""), "self-test", {}, 0.5)
    assert time.monotonic() - began < 20


def test_a_refusal_is_raised_as_it_is_raised_there() -> None:
    error = {"error": {"status": 3, "message": "it is locked", "hint": "go there"}}
    with pytest.raises(Refused, match="it is locked") as found:
        exchange.ask(Unit(lambda asked: say(asked, error)), "lock", {}, 5)
    assert found.value.hint == "go there"


@pytest.mark.parametrize("answer", ["[]", "{", '{"error": {}}', '{"error": {"status": "x", "message": "y"}}'])
def test_nonsense_is_an_error(answer: str) -> None:
    with pytest.raises(Failure):
        exchange.ask(Unit(lambda asked: encode(Message(ANSWER, asked.id, answer))), "hello", {}, 5)


def test_a_packet_of_a_long_answer_shows_that_somebody_is_there() -> None:
    first = Packet(ANSWER, 0, 0, 9, "x")
    assert Assembler().add(first) is None
