"""The line is pulled, or either side is killed, at every step: the same command again completes it, with one record."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from factory import Factory

from firmware.errors import Lost
from firmware.serial_line import Line
from firmware.station import ledger, unit
from firmware.station.batch import DONE, NEW, REFUSED, UNFINISHED
from firmware.station.verify import verify

#: of a pair only
PAIR_STEPS = ("pair", "check-pair")
STEPS = ("hello", "self-test", "time", "identity", "management", "admin", "keys", "firmware", "save", "lock")


def complete(factory: Factory, *pairs: tuple[int, int]) -> None:
    """Repeat the command, and hold each unit and its record to each other."""
    for outcome in factory.run(factory.orders(*pairs)):
        assert outcome.word in (NEW, DONE), outcome.why
    assert len(factory.kept.record_names()) == len(factory.units)
    for number, unit_ in enumerate(factory.units, 1):
        record, standing = factory.kept.find(f"T-{number:04d}"), unit_.standing()
        assert record and standing.identity and standing.is_locked
        assert (record.unit["digest"], record.serial) == (standing.digest, standing.identity.serial)
        assert {step["step"] for step in record.steps} == {*STEPS, *(PAIR_STEPS if pairs else ())}
    assert verify(factory.kept.top).problems == ()
    assert list((factory.kept.top / "pending").glob("*.json")) == []


def kill_host(
    factory: Factory, where: Callable[[Callable[[str], None]], None], wanted: str, *pairs: tuple[int, int]
) -> None:
    """Have a process provision the unit, and be killed as soon as it has reached that."""

    def reach(what: str) -> None:
        if what == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        where(reach)
        factory.run(orders)

    orders = factory.orders(*pairs)
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"{wanted} was never reached"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.all(but=["lock-after"])
def test_the_host_is_killed_at_a_step_of_the_unit(
    step: str, when: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.add_units(1)
    kill_host(factory, watch_steps(monkeypatch), f"{step} {when}")
    complete(factory)


def watch_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], None]], None]:
    """Has the host tell where it is in each step."""
    real = unit.Conversation.ask

    def patch(reach: Callable[[str], None]) -> None:
        def ask(talk: unit.Conversation, question: object) -> object:
            name = unit.steps.name_of(question)
            reach(f"{name} before")
            answer = real(talk, question)
            reach(f"{name} after")
            return answer

        monkeypatch.setattr(unit.Conversation, "ask", ask)

    return patch


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", PAIR_STEPS)
@pytest.mark.all
def test_the_host_is_killed_while_it_makes_a_pair(
    step: str, when: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.add_units(2)
    kill_host(factory, watch_steps(monkeypatch), f"{step} {when}", (1, 2))
    complete(factory, (1, 2))


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", PAIR_STEPS)
@pytest.mark.all
def test_one_unit_of_a_pair_is_switched_off_at_a_step(
    step: str, when: str, number: int, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is told, is not locked either, and both are completed."""
    factory.add_units(2)
    subject = factory.units[number - 1]

    def cut(name: str, moment: str) -> None:
        if (name, moment) == (step, when):
            subject.halt()
            raise Lost("switched off")

    subject.on_step = cut
    with monkeypatch.context() as impatient:
        impatient.setattr(unit.Conversation, "silence", 2.0)
        words = [outcome.word for outcome in factory.run(factory.orders((1, 2)))]
    assert words[number - 1] == UNFINISHED and words[2 - number] == REFUSED
    assert factory.kept.record_names() == [] and not any(one.standing().is_locked for one in factory.units)
    subject.on_step = lambda name, moment: None
    subject.stop()
    subject.lose_power()
    subject.start()
    complete(factory, (1, 2))


@pytest.mark.parametrize("place", ["before its signature", "before itself", "after itself"])
@pytest.mark.parametrize("file", ["000001-T-0001.json", "head-000001.json"])
@pytest.mark.all(but=["000001-T-0001.json-before itself"])
def test_the_host_is_killed_while_it_writes_the_record(
    file: str, place: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.add_units(1)
    real = ledger.append

    def patch(reach: Callable[[str], None]) -> None:
        monkeypatch.setattr(ledger, "append", lambda *words: real(*words, reach=reach))

    kill_host(factory, patch, f"{file} {place}")
    complete(factory)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.all(but=["lock-after"])
def test_the_unit_is_switched_off_at_a_step(
    step: str, when: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.add_units(1)
    (subject,) = factory.units

    def cut(name: str, moment: str) -> None:
        if (name, moment) == (step, when):
            subject.halt()
            raise Lost("switched off")

    subject.on_step = cut
    with monkeypatch.context() as impatient:
        impatient.setattr(unit.Conversation, "silence", 2.0)
        (outcome,) = factory.run(factory.orders())
    assert outcome.word == UNFINISHED and "does not answer" in outcome.why, outcome
    assert factory.kept.record_names() == []
    subject.on_step = lambda name, moment: None
    subject.stop()
    subject.boot()
    subject.start()
    complete(factory)


class Pulled:
    """A line whose cable is pulled once the host has written so many times."""

    left = 0

    def __init__(self, name: str) -> None:
        self._line = Line(name)

    def __enter__(self) -> "Pulled":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def read(self, seconds: float) -> bytes:
        """What came."""
        return self._line.read(seconds)

    def write(self, data: bytes) -> None:
        """Half of it, if that is the last of all."""
        Pulled.left -= 1
        if Pulled.left == 0:
            self._line.write(data[: len(data) // 2])
            raise Lost("the line is gone")
        self._line.write(data)


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
@pytest.mark.all(but=["4"])
def test_the_line_is_pulled_in_the_middle_of_a_question(
    number: int, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.add_units(1)
    monkeypatch.setattr(unit, "Line", Pulled)
    Pulled.left = number
    (outcome,) = factory.run(factory.orders())
    assert outcome.word == UNFINISHED and factory.kept.record_names() == []
    complete(factory)


def test_a_unit_that_is_locked_elsewhere_gets_no_record(factory: Factory, tmp_path: Path) -> None:
    """Nothing here says how it came to its identity."""
    factory.add_units(1)
    orders = factory.orders()
    elsewhere = replace(factory.station, kept=ledger.Ledger(tmp_path / "elsewhere"))
    ledger.prepare(elsewhere.kept, elsewhere.key)
    unit.provision(orders[0], elsewhere, lambda words: None)
    (outcome,) = factory.run(orders)
    assert outcome.word == "refused" and "nothing here says" in outcome.why and factory.kept.record_names() == []


@pytest.mark.all
def test_a_pair_of_which_one_is_locked_and_the_other_one_was_cut_off_is_completed(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys of the one that is done are in its record."""
    monkeypatch.setattr(unit.Conversation, "silence", 5.0)
    factory.add_units(2)
    one, two = factory.units

    def cut(name: str, moment: str) -> None:
        if (name, moment) == ("lock", "before"):
            two.halt()
            raise Lost("switched off")

    two.on_step = cut
    assert [outcome.word for outcome in factory.run(factory.orders((1, 2)))] == [NEW, UNFINISHED]
    two.on_step = lambda name, moment: None
    two.stop()
    two.boot()
    two.start()
    assert [outcome.word for outcome in factory.run(factory.orders((1, 2)))] == [DONE, NEW]
    assert one.standing().identity and two.standing().identity and verify(factory.kept.top).problems == ()
