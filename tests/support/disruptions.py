"""What may go wrong during a push, and the dice that choose it."""

import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

sys.path.append(str(Path(__file__).parents[2]))

from firmware.faults import STEPS

Side = Literal["pusher", "receiver"]
SIDES: tuple[Side, ...] = ("pusher", "receiver")

#: seconds that a push takes, and bytes that it sends and receives besides the contents of files
PUSH_SECONDS, PUSH_BYTES = 0.22, 6_000
#: seconds that a push has to be confirmed, where it has to be
CONFIRM = 4
#: seconds that a receiver is late, where it is
LATE = 6
#: what may be killed on either side
TARGETS = ("csyncd", "ssh", "listener", "session", "master", "worker")
#: a push is undone after a fault at one of these
UNDONE = ("receive.exchanged", "receive.swapped", "receive.reloaded")


@dataclass(frozen=True)
class Fault:
    """A fault point and what happens there. After `stop`, what `target` names is killed, and csyncd goes on `seconds` later."""

    side: Side
    step: str
    order: str
    target: str = ""
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """In words."""
        more = f" (KILL {self.target or 'nothing'}, CONT after {self.seconds:.2f} s)" if self.order == "stop" else ""
        return f"{self.order} at {self.step}{more}"


@dataclass(frozen=True)
class Strike:
    """KILL for a process of that kind, some seconds after the push began; `which` of several, from 0 to 1. The target `save`
    is none: it has that side save its configuration."""

    side: Side
    target: str
    after: float
    which: float = 0.0

    @property
    def text(self) -> str:
        """In words."""
        what = f"KILL {self.target} of" if self.target != "save" else "config save on"
        return f"{what} the {self.side} after {self.after:.3f} s"


@dataclass(frozen=True)
class Cable:
    """The cable of one side is pulled, some seconds or bytes after the push began, and put back in some seconds later."""

    side: Side
    seconds: float
    after: float = 0.0
    after_bytes: int | None = None

    @property
    def text(self) -> str:
        """In words."""
        when = f"{self.after:.3f} s" if self.after_bytes is None else f"{self.after_bytes} bytes"
        return f"cable of the {self.side} pulled after {when} for {self.seconds:.2f} s"


@dataclass(frozen=True)
class Power:
    """The power of one side is cut, some seconds after the push began, and comes back at once."""

    side: Side
    after: float

    @property
    def text(self) -> str:
        """In words."""
        return f"power of the {self.side} cut after {self.after:.3f} s"


@dataclass(frozen=True)
class Disruption:
    """All that goes wrong in one push; `kind` is its name in the figures. With `confirm`, it is one that has to be confirmed
    within CONFIRM seconds, and is; with `taken`, one that the receiver cannot load, because a port is taken there."""

    kind: str
    faults: tuple[Fault, ...] = ()
    strikes: tuple[Strike, ...] = ()
    cable: Cable | None = None
    power: tuple[Power, ...] = ()
    confirm: bool = False
    taken: bool = False

    @property
    def text(self) -> str:
        """In words."""
        parts = (*self.faults, *self.strikes, *([self.cable] if self.cable else []), *self.power)
        how = [*["--confirm"] * self.confirm, *["a port is taken"] * self.taken]
        return ", ".join([*how, *(part.text for part in parts)])


def side_of(step: str) -> Side:
    """The node that comes to a step."""
    return "pusher" if step.startswith("push.") or step == "confirm.answered" else "receiver"


def draw(dice: random.Random, size: int) -> Disruption:
    """A disruption by chance, for a push of files of that many bytes in all."""
    make = dice.choices(
        (
            _draw_fault,
            _draw_kill,
            _draw_cable_by_bytes,
            _draw_cable_by_time,
            _draw_power_cut,
            _draw_two,
            _draw_late_receiver,
            _draw_taken_port,
        ),
        (30, 28, 14, 8, 5, 8, 3, 4),
    )[0]
    disruption = make(dice, size)
    return replace(disruption, confirm=True) if dice.random() < 0.1 else disruption


def at_step(step: str, order: str = "kill") -> Disruption:
    """A fault at that step, and before it one that leads there, if it is a step of undoing."""
    first = () if not step.startswith("undo.") else (Fault("receiver", "receive.swapped", "kill"),)
    return Disruption(
        f"{order} at {step}", (*first, Fault(side_of(step), step, order)), confirm=step.startswith("confirm.")
    )


def _draw_fault(dice: random.Random, size: int) -> Disruption:
    step = dice.choice(STEPS)
    order = dice.choices(("kill", "stop", "cut", "fail", "delay"), (40, 20, 15, 15, 10))[0]
    fault = _fault_at(dice, step, order)
    if not step.startswith("undo."):
        return Disruption(f"{order} at {step}", (fault,), confirm=step.startswith("confirm."))
    lead = Fault("receiver", dice.choice(UNDONE), dice.choice(("kill", "fail")))
    return Disruption(f"{order} at {step}", (lead, fault))


def _fault_at(dice: random.Random, step: str, order: str) -> Fault:
    if order == "stop":
        return Fault(side_of(step), step, order, dice.choice(("", *TARGETS)), dice.choice((0.1, 0.5, 1.0, 4.5)))
    words = f"delay {dice.uniform(0.1, 1.0):.2f}" if order == "delay" else order
    return Fault(side_of(step), step, words)


def _draw_kill(dice: random.Random, size: int) -> Disruption:
    strike = _draw_strike(dice)
    return Disruption(f"KILL {strike.target} of the {strike.side}", strikes=(strike,))


def _draw_strike(dice: random.Random) -> Strike:
    side, target = dice.choice([*((side, target) for side in SIDES for target in TARGETS), ("pusher", "push")])
    return Strike(side, target, dice.uniform(0, PUSH_SECONDS), dice.random())


def _draw_cable_by_bytes(dice: random.Random, size: int) -> Disruption:
    crossed = int(dice.uniform(0, PUSH_BYTES + 1.4 * size))
    return Disruption("cable, by bytes", cable=Cable(dice.choice(SIDES), _draw_duration(dice), after_bytes=crossed))


def _draw_cable_by_time(dice: random.Random, size: int) -> Disruption:
    return Disruption(
        "cable, by time", cable=Cable(dice.choice(SIDES), _draw_duration(dice), dice.uniform(0, PUSH_SECONDS))
    )


def _draw_duration(dice: random.Random) -> float:
    return dice.uniform(4.0, 6.0) if dice.random() < 0.15 else dice.uniform(0.05, 1.0)


def _draw_power_cut(dice: random.Random, size: int) -> Disruption:
    """Of one side or of both, perhaps after a save that came in the middle of the push."""
    sides = dice.choice((("pusher",), ("receiver",), ("receiver",), SIDES))
    save = Strike(dice.choice(sides), "save", dice.uniform(0.05, PUSH_SECONDS))
    saved = dice.random() < 0.4
    cuts = tuple(Power(side, dice.uniform(0, PUSH_SECONDS) + (0.5 if saved else 0.0)) for side in sides)
    return Disruption(f"power of the {' and the '.join(sides)}", strikes=(save,) if saved else (), power=cuts)


def _draw_two(dice: random.Random, size: int) -> Disruption:
    """Two that have nothing to do with each other; the second perhaps while the first is being recovered from."""
    first, second = _draw_strike(dice), _draw_strike(dice)
    if dice.random() < 0.4:
        return Disruption("KILL and cable", strikes=(first,), cable=_draw_cable_by_bytes(dice, size).cable)
    later = dice.choice((0.0, 0.0, 1.0, 1.3, 1.6))
    return Disruption("two KILLs", strikes=(first, replace(second, after=second.after + later)))


def _draw_late_receiver(dice: random.Random, size: int) -> Disruption:
    """The receiver takes its time, and the pusher does not wait for it: it may push something newer by then."""
    slow = Fault("receiver", dice.choice(("receive.begun", "receive.staged", "receive.swapped")), f"delay {LATE}")
    target = dice.choice(("csyncd", "csyncd", "ssh", "push"))
    return Disruption("late", (slow,), (Strike("pusher", target, dice.uniform(0.3, 0.6)),))


def _draw_taken_port(dice: random.Random, size: int) -> Disruption:
    """The reload fails, so that everything is put back; and something happens to that."""
    if dice.random() < 0.4:
        return replace(_draw_kill(dice, size), kind="reload fails, KILL", taken=True)
    step = dice.choice(("receive.swapped", *(step for step in STEPS if step.startswith("undo."))))
    return Disruption(
        "reload fails, fault",
        (_fault_at(dice, step, dice.choice(("kill", "kill", "cut", "stop", "delay"))),),
        taken=True,
    )
