"""The host's side of a provisioning in tests: each step in its order, until the unit is locked."""

import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from noisy_line import NoisyRelay
from simulated_unit import SimulatedUnit

from firmware.provision import exchange, questions, steps
from firmware.provision.answers import UnitState

HASH = "scrypt$16384$8$1$" + "ab" * 16 + "$" + "cd" * 32
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " worker@bench"


def ask(line: exchange.Channel, question: Any, silence: float = 15.0, seconds: float = 0.0) -> Any:
    """The answer to one question."""
    step = steps.name_of(question)
    limit = seconds or steps.SECONDS[step]
    return steps.parse_answer(step, exchange.ask(line, step, steps.body_of(question), limit, silence=silence))


def provision(line: exchange.Channel, unit: SimulatedUnit, serial: str = "LB-0001", **limits: float) -> UnitState:
    """All steps, as the host asks them; returns the last answer."""

    def say(question: Any) -> Any:
        return ask(line, question, **limits)

    before = say(questions.Hello())
    if before.state == "locked":
        assert isinstance(before, UnitState)
        return before
    assert say(questions.SelfTest()).has_passed
    say(questions.SetTime(1.8e9))
    macs = tuple(questions.Mac(port.name, port.mac) for port in unit.ports)
    written = say(questions.SetIdentity(serial, "LB 100", "lb1", macs, "Europe/Paris"))
    say(questions.SetManagement("eth0", "192.0.2.10/24", "192.0.2.1"))
    say(questions.SetAdmin(HASH, (KEY,)))
    say(questions.MakeKeys(1))
    say(questions.GetFirmware())
    say(questions.Save())
    done = say(questions.Lock(serial, written.digest))
    assert isinstance(done, UnitState)
    return done


@contextmanager
def noisy_terminal(unit: SimulatedUnit, one_in: int, seed: int) -> Iterator[tuple[str, NoisyRelay]]:
    """The path of a terminal that leads to the unit over a line that spoils one byte in so many, and that line."""
    outer, inner = os.openpty()
    theirs = os.open(unit.line, os.O_RDWR | os.O_NOCTTY)
    for handle in (outer, inner):
        tty.setraw(handle)
    relay = NoisyRelay(outer, theirs, one_in, seed)
    try:
        yield os.ttyname(inner), relay
    finally:
        relay.end()
        for handle in (outer, inner, theirs):
            os.close(handle)
