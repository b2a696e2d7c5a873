"""Questions and answers over a line, as the host asks them: again and again until the answer is there."""

import secrets
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Protocol

from firmware.errors import Failure, Lost, Refused, from_status
from firmware.http11.json_body import parse_body
from firmware.provision import steps
from firmware.provision.packets import ANSWER, ANY, PART, QUESTION, Assembler, Decoder, Message, encode

#: seconds without a word of the unit after which a question is sent again: at first, and at most
SOON, LATER = 0.25, 2.0
#: the same after a word of a unit that is at work, and says by itself when it is done
WORKING_PAUSE = 1.0
#: bytes that cross the line in a second, with something to spare: so long what was sent is under way
BYTES_A_SECOND = 5000
#: of a message in one go
MOST_COPIES = 4
#: seconds without a single packet of the unit after which it counts as gone
SILENCE = 15.0

Progress = Callable[[str], None]


class Channel(Protocol):
    """What bytes go through: `serial_line.Line`."""

    def read(self, seconds: float, /) -> bytes:
        """What has arrived, within so many seconds."""
        ...

    def write(self, data: bytes, /) -> None:
        """Send it."""
        ...


def ask(
    line: Channel,
    step: str,
    body: Mapping[str, Any],
    seconds: float,
    *,
    silence: float = SILENCE,
    on_work: Progress | None = None,
) -> dict[str, Any]:
    """The unit's answer to one step, as it came: its shape is for `steps.parse_answer`.

    What the unit refuses or fails at is raised as it is raised there. Lost if the line or the unit is silent for `silence`
    seconds, or if the answer does not come within `seconds`: whether it was done is not known then, and to ask again does no
    harm. `on_work` is told what the unit says while it is at work. A locked unit answers with its state, which is an answer to
    `hello` and to `lock`; Refused for any other step.
    """
    question = Message(QUESTION, 1 + secrets.randbelow((1 << 24) - 1), steps.dump({"step": step, "body": body}))
    data, decoder, assembler = encode(question), Decoder(), Assembler()
    end, heard, wait = time.monotonic() + seconds, time.monotonic(), SOON + len(data) / BYTES_A_SECOND
    for attempt in count():
        line.write(data * copies(attempt))
        quiet_until = time.monotonic() + wait
        while (left := min(quiet_until, end) - time.monotonic()) > 0:
            for packet in decoder.feed(line.read(left)):
                if packet.id not in (question.id, ANY) or packet.kind == QUESTION:
                    continue
                heard = time.monotonic()
                quiet_until = max(quiet_until, heard + SOON)  # more of it may be on its way
                if (message := assembler.add(packet)) is None or message.kind == PART:
                    continue
                if message.kind == ANSWER:
                    return _read_answer(message.text) if message.id else _read_locked(step, message.text)
                quiet_until = heard + WORKING_PAUSE
                if on_work:
                    on_work(message.text)
        now = time.monotonic()
        wait = min(LATER, wait * 1.5) if now - heard > wait + SOON else SOON + len(data) / BYTES_A_SECOND
        if now > end or now - heard > silence:
            raise Lost(_silence_words(step, now - heard, silence), "look at cable and power, and repeat the command")
    raise AssertionError("it is asked for ever")


def copies(attempt: int) -> int:
    """How often a message is sent in one go: where it took several attempts so far, the line has noise."""
    return min(MOST_COPIES, 1 + attempt // 4)


def _silence_words(step: str, quiet: float, silence: float) -> str:
    if quiet > silence:
        return f"{step}: the unit does not answer: nothing came for {quiet:.0f} s"
    return f"{step}: no whole answer came in time: the line is too noisy, or the unit too slow"


def _read_locked(step: str, text: str) -> dict[str, Any]:
    body = parse_body(bytearray(text.encode()))
    if step in ("hello", "lock"):
        return body
    serial = str(body.get("serial"))
    raise Refused(
        f"{step}: the unit is locked: it is {serial} for good", "its console can open it again: docs/provisioning.md"
    )


def _read_answer(text: str) -> dict[str, Any]:
    body = parse_body(bytearray(text.encode()))
    error = body.get("error")
    if not isinstance(error, dict):
        return body
    status, message, hint = error.get("status"), error.get("message"), error.get("hint", "")
    problems = error.get("problems", [])
    if not (type(status) is int and isinstance(message, str) and isinstance(hint, str) and isinstance(problems, list)):
        raise Failure("the unit's answer: it is not of this protocol", "is its firmware the newest?")
    raise from_status(status, message, hint, [str(line) for line in problems])
