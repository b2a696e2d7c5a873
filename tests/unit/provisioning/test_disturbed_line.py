"""Provisionings over a line that is disturbed, and with either side killed: each is complete and right, or refused and
repeatable; never a wrong identity."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import noisy_line
import pytest
from provisioning_host import ask, noisy_terminal, provision
from simulated_unit import SimulatedUnit

from firmware.errors import Failure, Lost
from firmware.provision import exchange, packets, questions, steps
from firmware.serial_line import Line

#: how often a byte is spoiled, one in so many
NOISE = (1000, 300, 100, 50, 20)


@pytest.fixture(autouse=True)
def line_without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pseudo terminal is there at once: nobody has to wait for bytes under way."""
    monkeypatch.setattr(exchange, "SOON", 0.01)
    monkeypatch.setattr(exchange, "LATER", 0.05)
    monkeypatch.setattr(exchange, "WORKING_PAUSE", 0.05)
    monkeypatch.setattr(exchange, "BYTES_A_SECOND", 10_000_000)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[SimulatedUnit]:
    made = SimulatedUnit(tmp_path)
    made.start()
    yield made
    made.close()


def require_sound(unit: SimulatedUnit, serial: str) -> None:
    """What is in the partition is that identity whole, or nothing."""
    found = unit.standing()
    if found.identity is None:
        assert not found.is_locked
        return
    assert (found.identity.serial, found.identity.model, found.identity.hostname) == (serial, "LB 100", "lb1")
    assert dict(found.identity.macs) == {port.name: port.mac for port in unit.ports}
    assert found.digest == found.identity.digest


@dataclass(frozen=True)
class Course:
    """How a provisioning over such a line went: how often it was begun, and how many bytes were spoiled in which way."""

    attempts: int
    spoiled: Counter[str]


def provision_over_noise(top: Path, number: int, one_in: int) -> Course:
    """One unit, provisioned over such a line, again where that was given up."""
    unit, serial = SimulatedUnit(top, number), f"LB-{number:04d}"
    unit.start()
    try:
        with noisy_terminal(unit, one_in, number) as (terminal, relay), Line(terminal) as line:
            for attempt in range(1, 20):
                try:
                    done = provision(line, unit, serial, seconds=60.0)
                except Lost:
                    require_sound(unit, serial)
                    continue
                require_sound(unit, serial)
                assert (done.state, done.serial, done.digest) == ("locked", serial, unit.standing().digest)
                assert unit.standing().is_locked
                return Course(attempt, relay.spoiled)
        raise AssertionError("never done")
    finally:
        unit.close()


@pytest.mark.all(but=["300"])
@pytest.mark.parametrize("one_in", NOISE)
def test_noise(tmp_path: Path, one_in: int) -> None:
    assert provision_over_noise(tmp_path, 1, one_in).attempts == 1


@pytest.mark.all
def test_noise_five_hundred_times(tmp_path: Path) -> None:
    """Each is complete and right in the end, whatever became of its bytes. Several at once: most of the time nothing but a wait
    is due."""
    began = time.monotonic()
    with ProcessPoolExecutor(8, multiprocessing.get_context("fork")) as pool:
        places = [tmp_path / str(number) for number in range(500)]
        courses = list(pool.map(provision_over_noise, places, range(500), NOISE * 100))
    spoiled = sum((course.spoiled for course in courses), Counter[str]())
    again = sum(course.attempts > 1 for course in courses)
    print(f"500 provisionings, {again} begun again, {dict(spoiled)}: {time.monotonic() - began:.0f} s")
    assert len(courses) == 500 and min(spoiled[kind] for kind in noisy_line.KINDS) > 10_000


CHANGES = [step for step in steps.STEPS if step not in ("pair", "check-pair")]


@pytest.mark.all(but=["identity-after", "lock-after"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", CHANGES)
def test_the_agent_is_killed_at_a_step(unit: SimulatedUnit, step: str, when: str) -> None:
    """Nothing is known of it but what lies on disk; to repeat the whole completes it."""
    killed = []

    def kill(at: str, moment: str) -> None:
        if (at, moment) == (step, when) and not killed:
            killed.append(at)
            unit.stop_serving()
            raise Lost("killed")

    unit.on_step = kill
    with Line(unit.line) as line:
        with pytest.raises(Lost):
            provision(line, unit, silence=0.5)
        require_sound(unit, "LB-0001")
        unit.stop()
        unit.start()
        assert provision(line, unit).state == "locked"
    require_sound(unit, "LB-0001")
    assert unit.standing().is_locked


@pytest.mark.all(but=["identity"])
@pytest.mark.parametrize("step", CHANGES)
def test_power_is_cut_at_a_step(unit: SimulatedUnit, step: str) -> None:
    """What lies in RAM is gone, and what was saved comes back; to repeat the whole completes it."""
    cut = []

    def kill(at: str, moment: str) -> None:
        if (at, moment) == (step, "after") and not cut:
            cut.append(at)
            unit.stop_serving()
            raise Lost("cut")

    unit.on_step = kill
    with Line(unit.line) as line:
        with pytest.raises(Lost):
            provision(line, unit, silence=0.5)
        unit.stop()
        unit.lose_power()
        unit.start()
        assert provision(line, unit).serial == "LB-0001"
    assert unit.standing().is_locked
    unit.stop()
    unit.lose_power()
    assert "ip address 192.0.2.10/24" in (unit.node.etc / "config.rc").read_text(), "it was saved before it was locked"


@pytest.mark.all(but=["4"])
@pytest.mark.parametrize("after", range(1, 10))
def test_the_host_is_killed_after_so_many_answers(unit: SimulatedUnit, after: int) -> None:
    class Killed(Exception):
        pass

    class Host:
        """Its line, until it has written so many questions."""

        def __init__(self, line: Line) -> None:
            self.line, self.left = line, after

        def read(self, seconds: float, /) -> bytes:
            return self.line.read(seconds)

        def write(self, data: bytes, /) -> None:
            self.line.write(data if self.left else data[: len(data) // 2])
            self.left -= 1
            if self.left < 0:
                raise Killed

    with Line(unit.line) as line, pytest.raises(Killed):
        provision(Host(line), unit)
    with Line(unit.line) as line:
        assert provision(line, unit).state == "locked"
    require_sound(unit, "LB-0001")


def test_the_cable_is_pulled_and_put_back(unit: SimulatedUnit) -> None:
    with noisy_terminal(unit, 0, 1) as (terminal, relay), Line(terminal) as line:
        ask(line, questions.Hello())
        relay.cut = True
        with pytest.raises(Lost, match="does not answer"):
            ask(line, questions.SetIdentity("LB-0001", "LB 100", "lb1"), silence=0.5)
        relay.cut = False
        assert provision(line, unit).state == "locked"


def send_hostile(unit: SimulatedUnit, count: int) -> None:
    """Frames as somebody might make them: noise, sound packets with nonsense, steps with nonsense, parts of messages."""
    lot = random.Random(count)
    words = [*steps.STEPS, "", "rm -rf /", "\\u0000", "x" * 300]
    bodies = [
        '{"serial":1}',
        "[]",
        "{}",
        '{"protocol":1e999}',
        '{"a":' * 40,
        '{"now":NaN}',
        '{"ssh_keys":["x"]}',
        "null",
    ]

    def frame() -> bytes:
        match lot.randrange(5):
            case 0:
                return lot.randbytes(lot.randrange(1, 300))
            case 1:
                return packets.STX + lot.randbytes(lot.randrange(80)) + packets.LF
            case 2:
                text = "".join(chr(lot.randrange(32, 127)) for _ in range(lot.randrange(200)))
                return packets.encode(packets.Message("QAW"[lot.randrange(3)], lot.randrange(1 << 24), text))
            case 3:
                text = f'{{"step":"{lot.choice(words)}","body":{lot.choice(bodies)}}}'
                return packets.encode(packets.Message("Q", lot.randrange(1 << 24), text))
            case _:
                whole = packets.encode(packets.Message("Q", lot.randrange(1 << 24), "x" * lot.randrange(24, 6000)))
                return whole[: lot.randrange(len(whole))]

    with Line(unit.line) as line:
        for _ in range(count):
            line.write(frame())
            line.read(0)


@pytest.mark.parametrize("count", [300, pytest.param(100_000, marks=pytest.mark.all)])
def test_a_hostile_line(unit: SimulatedUnit, count: int) -> None:
    """Nothing is stored, nothing grows, and the next who asks is answered."""
    before = {path: path.read_bytes() for path in unit.top.rglob("*") if path.is_file() and "lock" not in path.parts}
    send_hostile(unit, count)
    with Line(unit.line) as line:
        assert ask(line, questions.Hello(), silence=60).state == "new"
    after = {path: path.read_bytes() for path in unit.top.rglob("*") if path.is_file() and "lock" not in path.parts}
    allowed = {unit.places.published / "steps"}
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= allowed
    assert unit.agent_bytes() < 20_000


def test_a_host_that_hears_nonsense_fails_in_words(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line, pytest.raises(Failure):
        line.write(b"\x02" * 5000)
        ask(line, questions.SetIdentity("LB-0001", "LB 100", "lb1", (questions.Mac("eth9", "02:00:5e:00:00:01"),)))
