"""Several units at once: simulated ones, with the real agent, each at a terminal of its own."""

import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest
from factory import Factory

from firmware.provisioning.handlers import Handlers
from firmware.station import batch, unit
from firmware.station.batch import DONE, NEW, REFUSED, SET_ASIDE, UNFINISHED
from firmware.station.order import UnitOrder
from firmware.station.verify import verify


def test_each_unit_becomes_what_is_ordered_and_has_one_record(factory: Factory) -> None:
    factory.add_units(3)
    outcomes = factory.run(factory.orders())
    assert [(one.word, one.why) for one in outcomes] == [(NEW, "")] * 3
    assert sorted(one.record for one in outcomes) == [1, 2, 3]
    for each, one in zip(factory.units, outcomes, strict=True):
        standing = each.standing()
        assert standing.identity and standing.identity.serial == one.order.serial
        record = factory.kept.find(one.order.serial)
        assert record and record.number == one.record and record.unit["digest"] == standing.digest
        assert [step["step"] for step in record.steps] == [
            "hello", "self-test", "time", "identity", "management", "admin", "keys", "firmware", "save", "lock",
        ]  # fmt: skip
    assert verify(factory.kept.top).problems == ()


def test_repeating_the_command_changes_nothing(factory: Factory) -> None:
    factory.add_units(2)
    factory.run(factory.orders())
    before = {path.name: path.read_bytes() for path in factory.kept.top.iterdir() if path.is_file()}
    assert [one.word for one in factory.run(factory.orders())] == [DONE, DONE]
    assert {path.name: path.read_bytes() for path in factory.kept.top.iterdir() if path.is_file()} == before


def test_a_unit_that_fails_its_self_test_is_set_aside_and_the_others_go_on(factory: Factory) -> None:
    factory.add_units(3)
    factory.units[1].broken["memory"] = "a bit at 0x1000 stays 0"
    outcomes = factory.run(factory.orders())
    assert [one.word for one in outcomes] == [NEW, SET_ASIDE, NEW]
    assert "a bit at 0x1000 stays 0" in outcomes[1].why and outcomes[1].hint
    assert factory.units[1].standing().identity is None
    factory.units[1].broken.clear()
    assert [one.word for one in factory.run(factory.orders())] == [DONE, NEW, DONE]


def test_a_pair_waits_for_each_other_and_a_partner_that_fails_is_told(factory: Factory) -> None:
    factory.add_units(4)
    factory.units[3].broken["flash"] = "it cannot be written"
    outcomes = factory.run(factory.orders((1, 2), (3, 4)))
    assert [one.word for one in outcomes] == [NEW, NEW, REFUSED, SET_ASIDE]
    assert "T-0004: self-test: flash" in outcomes[2].why
    one, two = (factory.kept.find(f"T-000{number}") for number in (1, 2))
    assert one and two and (one.order["node"], two.order["node"]) == (1, 2)
    found = [next(step["answer"] for step in record.steps if step["step"] == "pair") for record in (one, two)]
    codes = [next(step["answer"]["code"] for step in record.steps if step["step"] == "keys") for record in (one, two)]
    assert [each["peer_code"] for each in found] == codes[::-1]
    checks = [[step["answer"] for step in record.steps if step["step"] == "check-pair"] for record in (one, two)]
    assert [answer["push"] for answer in checks[0]] == ["applied", ""], (
        "the first has pushed, and both are green in the end"
    )
    assert [answer["push"] for answer in checks[1]] == [""] and checks[0][-1] == checks[1][-1]
    factory.units[3].broken.clear()
    assert [one.word for one in factory.run(factory.orders((1, 2), (3, 4)))] == [DONE, DONE, NEW, NEW]


def test_a_unit_that_is_another_one_already_is_refused_and_stays_as_it_is(factory: Factory) -> None:
    factory.add_units(2)
    orders = factory.orders()
    factory.units[0].broken["memory"] = "bad"
    swapped = [orders[0], replace(orders[1], port=orders[0].port)]
    outcomes = factory.run(swapped[1:])
    assert outcomes[0].word == REFUSED and "MAC addresses" in outcomes[0].why
    assert factory.units[0].standing().identity is None


def test_no_password_is_in_what_is_kept_and_no_word_of_a_unit_is_a_formula(factory: Factory) -> None:
    factory.add_units(2)
    factory.units[1].broken["flash"] = "=1+1"
    orders = [replace(order, password="correct horse", password_hash="") for order in factory.orders()]
    outcomes = [replace(one, why=one.why.rpartition(": ")[2]) for one in factory.run(orders)]
    assert [one.word for one in outcomes] == [NEW, SET_ASIDE] and outcomes[1].why == "=1+1"
    batch.write_summary(outcomes, factory.kept.top / "summary.csv")
    files = [path for path in factory.kept.top.rglob("*") if path.is_file()]
    (hashed,) = re.findall(r"scrypt[^\"]*", (factory.units[0].node.etc / "wui/accounts.json").read_text())
    for path in files:
        assert b"correct horse" not in path.read_bytes() and hashed.encode() not in path.read_bytes(), path
    assert ",'=1+1" in (factory.kept.top / "summary.csv").read_text()


def test_a_line_that_is_not_there_is_told(factory: Factory) -> None:
    factory.add_units(1)
    (order,) = factory.orders()
    lost = replace(order, port="/dev/no-such-line")
    (outcome,) = factory.run([lost])
    assert outcome.word == UNFINISHED and "/dev/no-such-line" in outcome.why


def test_an_error_of_ours_at_one_unit_leaves_the_others_alone(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = unit.provision

    def fail_at_one(order: UnitOrder, *words: Any) -> unit.Provisioned:
        return real(order, *words) if order.serial != "T-0001" else 1 // 0  # type: ignore[return-value]

    monkeypatch.setattr(batch, "provision", fail_at_one)
    factory.add_units(2)
    one, other = factory.run(factory.orders())
    assert one.word == UNFINISHED and "an error inside the program" in one.why and other.word == NEW


@pytest.mark.parametrize("key", ["ssh_host", "csyncd_host", "csyncd_user"])
def test_a_unit_whose_keys_are_none_gets_no_record(key: str, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Handlers.table

    def table(handlers: Handlers) -> Any:
        found = dict(real(handlers))
        make = found["keys"]
        return found | {"keys": lambda question: replace(make(question), **{key: "x"})}

    monkeypatch.setattr(Handlers, "table", table)
    factory.add_units(1)
    (outcome,) = factory.run(factory.orders())
    assert outcome.word == UNFINISHED and "no public key" in outcome.why and factory.kept.record_names() == []


def test_ctrl_c_ends_it_at_once_and_the_next_run_completes_it(factory: Factory) -> None:
    factory.add_units(1)
    begun, go_on = threading.Event(), threading.Event()

    def hang(step: str, when: str) -> None:
        if (step, when) == ("keys", "before"):
            begun.set()
            go_on.wait(30)

    factory.units[0].on_step = hang
    factory.orders()
    clear = ["env", "--default-signal=INT"]  # whoever runs these tests in the background ignores it
    argv = [*clear, sys.executable, "-m", "firmware", "provision", "batch", factory.top / "units.csv"]
    station = subprocess.Popen(
        [*argv, "--records", factory.kept.top, "--key", factory.station.key], stderr=subprocess.PIPE
    )
    assert begun.wait(30)
    station.send_signal(signal.SIGINT)
    assert station.wait(20) == 130
    go_on.set()
    assert b"interrupted: repeat the command" in station.communicate()[1]
    assert [one.word for one in factory.run(factory.orders())] == [NEW]
