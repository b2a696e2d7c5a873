"""Answers on the serial line, one question after the other, until the unit is locked.

A question that comes again is answered as before, so that a lost answer costs nothing. While one is worked on, whoever asks
is told so. Nothing is kept between questions but the last answer.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from firmware import log
from firmware.errors import Failure, Invalid, from_system
from firmware.http11.json_body import parse_body
from firmware.printable import shorten
from firmware.provision import steps
from firmware.provision.exchange import Channel, copies
from firmware.provision.packets import ANSWER, MOST_TEXT, PART, QUESTION, WORKING, Assembler, Decoder, Message, encode

#: what does a step: gets the question, returns the answer
Steps = Mapping[str, Callable[[Any], object]]
#: seconds between two looks at the line: while nothing is asked, and while something is worked on
_IDLE, _BUSY = 5.0, 0.1
#: characters of an error
_MOST_WORDS = 600


class Agent:
    """The agent on one line."""

    def __init__(self, line: Channel) -> None:
        self._line = line
        self._handlers: Steps = {}
        self._decoder, self._assembler = Decoder(), Assembler()
        self._work: Future[str] | None = None
        self._working_on, self._answered, self._repeats, self._answer = 0, 0, 0, b""
        self._words = ""

    def say(self, words: str) -> None:
        """What it is at, for whoever asks meanwhile: one packet's worth."""
        self._words = words

    def serve(self, handlers: Steps, is_over: Callable[[], bool]) -> None:
        """Answer until `is_over` after an answer. Lost if the line is gone."""
        self._handlers = handlers
        with ThreadPoolExecutor(1, "step") as pool:
            while True:
                asked = self._read(pool)
                if self._work and self._work.done():
                    self._answered, self._repeats = self._working_on, 0
                    self._answer, self._work = self._encode(self._work.result()), None
                    self._line.write(self._answer)
                    if is_over():
                        return
                elif asked:
                    self._repeat(asked)

    def _read(self, pool: ThreadPoolExecutor) -> set[int]:
        """Take what has come, and begin what is asked; returns the ids of the questions of which something came."""
        asked: set[int] = set()
        for packet in self._decoder.feed(self._line.read(_BUSY if self._work else _IDLE)):
            if packet.kind != QUESTION or packet.id == 0:
                continue
            asked.add(packet.id)
            message = self._assembler.add(packet)
            if message and self._work is None and message.id != self._answered:
                self._working_on, self._words = message.id, "at work"
                self._work = pool.submit(self._answer_to, message.text)
        return asked

    def _repeat(self, asked: set[int]) -> None:
        for id in sorted(asked):
            if self._work is not None:
                self._line.write(encode(Message(WORKING, id, self._words[:MOST_TEXT])))
            elif id == self._answered:
                self._repeats += 1
                self._line.write(self._answer * copies(self._repeats))
            else:
                self._line.write(encode(Message(PART, id, "")))

    def _encode(self, text: str) -> bytes:
        try:
            return encode(Message(ANSWER, self._answered, text))
        except Failure as error:
            return encode(Message(ANSWER, self._answered, _describe(error)))

    def _answer_to(self, text: str) -> str:
        try:
            asked = parse_body(bytearray(text.encode()))
            step, body = asked.get("step"), asked.get("body")
            if not isinstance(step, str) or not isinstance(body, dict):
                raise Failure("the question: it has no step and body")
            question = steps.parse_question(step, body)
            self._words = step
            log.line(f"provisioning: {step}")
            return steps.dump(steps.body_of(self._handlers[step](question)))
        except Failure as error:
            return _describe(error)
        except OSError as error:
            return _describe(from_system(error))
        except Exception as error:
            return _describe(log.internal_error("provisioning", error, daemon=True))


def _describe(error: Failure) -> str:
    problems = [shorten(line, 200) for line in error.problems[:5]] if isinstance(error, Invalid) else []
    words = {"message": shorten(str(error), _MOST_WORDS), "hint": shorten(error.hint, 200), "problems": problems}
    return steps.dump({"error": {"status": error.status, **words}})
