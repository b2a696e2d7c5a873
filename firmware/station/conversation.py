"""What is said with one unit over its serial line, step by step, with each result kept for its record."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from firmware.errors import Failure, Refused
from firmware.printable import escape
from firmware.provision import exchange, steps
from firmware.provision.answers import UnitState
from firmware.provision.questions import PROTOCOL, Hello

#: what a unit says while it works and has nothing to say
WORDLESS = "at work"
#: is told which step a unit is at, and what it says while it works
Tell = Callable[[str], None]


@dataclass(slots=True)
class Conversation:
    """A unit that is being provisioned; `results` are those of its steps, as they go into the record: of one that was asked
    several times the last, and of a pair also what became of the push."""

    #: seconds without a word of the unit after which it counts as gone
    silence: ClassVar[float] = exchange.SILENCE

    line: exchange.Channel
    tell: Tell
    results: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, question: object) -> Any:
        """Carry out one step, and keep its result. Raises what the unit raised, or Lost."""
        step = steps.name_of(question)
        self.tell(step)
        began = time.monotonic()
        asked, seconds = steps.body_of(question), steps.SECONDS[step]
        body = exchange.ask(
            self.line, step, asked, seconds, silence=self.silence, on_work=partial(self._tell_work, step)
        )
        answer = steps.parse_answer(step, body)
        self.results = [one for one in self.results if one["step"] != step or one["answer"].get("push")]
        took = round(time.monotonic() - began, 3)
        self.results.append({"step": step, "seconds": took, "answer": steps.body_of(answer)})
        return answer

    def greet(self) -> UnitState:
        """Who is there? Failure for one that speaks another protocol."""
        state: UnitState = self.ask(Hello())
        if state.protocol != PROTOCOL:
            raise Failure(
                f"the unit speaks protocol {state.protocol}, this program {PROTOCOL}", "use the program of its firmware"
            )
        return state

    def _tell_work(self, step: str, words: str) -> None:
        if words not in (WORDLESS, step):
            self.tell(f"{step}: {escape(words)[:60]}")


def require_the_one(state: UnitState, macs: tuple[str, ...], serial: str, model: str) -> None:
    """Refused unless this unit may become what is ordered: it is nobody yet, or that one, and has these ports. Nothing has been
    changed on it so far."""
    if state.state != "new" and (state.serial, state.model) != (serial, model):
        raise Refused(
            f"the unit is {escape(state.serial)} ({escape(state.model)}) already, not {serial} ({model})",
            "another unit is at this port: look at its label",
        )
    found = tuple(port.mac for port in sorted(state.ports, key=lambda port: port.name))
    if state.state != "locked" and found[: len(macs)] != macs:
        raise Refused(
            f"the unit has the MAC addresses {escape(' '.join(found)) or 'of no port'}, not {' '.join(macs)}",
            "another unit is at this port: look at the addresses at its ports",
        )
