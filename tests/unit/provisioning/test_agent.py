"""The agent on a pseudo terminal: a whole provisioning, step by step."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from provisioning_host import HASH, KEY, ask, provision
from simulated_unit import SimulatedUnit

from firmware.accounts import passwords
from firmware.errors import Failure, Refused, Usage
from firmware.provision import exchange, questions
from firmware.serial_line import Line
from firmware.store import generations


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[SimulatedUnit]:
    made = SimulatedUnit(tmp_path)
    made.start()
    yield made
    made.close()


def test_a_whole_provisioning(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line:
        done = provision(line, unit)
        assert (done.state, done.serial, done.model, done.slot) == ("locked", "LB-0001", "LB 100", "a")
        found = unit.standing()
        assert found.is_locked and found.digest == done.digest and found.identity is not None
        assert dict(found.identity.macs) == {port.name: port.mac for port in unit.ports}
        assert "ip address 192.0.2.10/24" in (unit.node.etc / "config.rc").read_text()
        assert "ip route default 192.0.2.1" in (unit.node.etc / "config.rc").read_text()
        assert HASH in (unit.node.etc / "wui/accounts.json").read_text()
        saved = generations.history(paths=unit.node)
        assert [one.running for one in saved] == [True], "what was set is what is saved"
        again = provision(line, unit)
        assert (again.state, again.digest, again.ports) == ("locked", done.digest, ())
        with pytest.raises(Refused, match="locked"):
            ask(line, questions.SetIdentity("LB-0002", "LB 100", "lb2"))
        assert unit.standing() == found


def test_each_step_twice_is_as_once(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line:
        for question in (
            questions.SetIdentity("LB-0001", "LB 100", "lb1"), questions.SetManagement("eth0", "192.0.2.10/24"),
            questions.SetAdmin(HASH), questions.MakeKeys(1), questions.Save(),
            questions.Pair(1, 2, "192.0.2.10", "192.0.2.11", KEY, KEY),
        ):  # fmt: skip
            assert ask(line, question) == ask(line, question)
        text = (unit.node.etc / "csyncd/csyncd.cfg").read_text()
        assert text == "# this node\nLOCAL_IP=192.0.2.10\nREMOTE_IP=192.0.2.11\nLOCAL_NODE=1\nREMOTE_NODE=2\n"
        assert "no autostart" not in (unit.node.etc / "config.rc").read_text()


def test_an_identity_is_not_written_over_another(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line:
        ask(line, questions.SetIdentity("LB-0001", "LB 100", "lb1"))
        with pytest.raises(Refused, match="another identity already: serial number LB-0001"):
            ask(line, questions.SetIdentity("LB-0002", "LB 100", "lb2"))
        assert ask(line, questions.SetIdentity("LB-0002", "LB 100", "lb2", replaces="LB-0001")).serial == "LB-0002"


def test_an_identity_with_the_address_of_another_card_is_refused(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line, pytest.raises(Refused, match="eth0 is 02:00:5e:00:00:01, not 02:00:5e:00:00:99"):
        ask(line, questions.SetIdentity("LB-0001", "LB 100", "lb1", (questions.Mac("eth0", "02:00:5e:00:00:99"),)))
    assert unit.standing().identity is None


def test_what_is_not_saved_or_tested_is_not_locked(unit: SimulatedUnit) -> None:
    unit.broken["flash"] = "it is worn"
    with Line(unit.line) as line:
        assert not ask(line, questions.SelfTest()).has_passed
        digest = ask(line, questions.SetIdentity("LB-0001", "LB 100", "lb1")).digest
        ask(line, questions.Save())
        with pytest.raises(Refused, match="self-test"):
            ask(line, questions.Lock("LB-0001", digest))
        unit.broken.clear()
        ask(line, questions.SelfTest())
        ask(line, questions.SetAdmin(HASH))
        with pytest.raises(Refused, match="save"):
            ask(line, questions.Lock("LB-0001", digest))
        ask(line, questions.Save())
        with pytest.raises(Refused, match="the identity here is LB-0001"):
            ask(line, questions.Lock("LB-0009", digest))
        assert ask(line, questions.Lock("LB-0001", digest)).state == "locked"


def test_bad_values_are_refused_on_the_unit_too(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line:
        for step, body in (
            ("identity", {"serial": "lb 1", "model": "", "hostname": "-x"}), ("admin", {"password": "secret"}),
            ("management", {"interface": "eth0", "address": "192.0.2.0/24"}), ("time", {"now": 1}), ("rm", {}),
            ("hello", {"protocol": "1"}), ("lock", {"serial": "A", "digest": "x"}),
        ):  # fmt: skip
            with pytest.raises(Usage):
                exchange.ask(line, step, body, 20)
        with pytest.raises(Refused, match="protocol 7"):
            exchange.ask(line, "hello", {"protocol": 7}, 20)


def test_what_nobody_foresaw_is_an_answer(unit: SimulatedUnit) -> None:
    def fail(step: str, when: str) -> None:
        if step == "firmware":
            raise RuntimeError("no")

    unit.on_step = fail
    with Line(unit.line) as line:
        with pytest.raises(Failure, match="an error inside the program"):
            ask(line, questions.GetFirmware())
        assert ask(line, questions.Hello()).state == "new"


def test_a_password_that_was_set_is_one(unit: SimulatedUnit, tmp_path: Path) -> None:
    kept = passwords.hash_password("correct horse", lock=tmp_path / "lock/password")
    with Line(unit.line) as line:
        ask(line, questions.SetIdentity("LB-0001", "LB 100", "lb1"))
        assert ask(line, questions.SetAdmin(kept)).accounts == ("admin",)
    from firmware.accounts import register

    (account,) = register.read(unit.places.accounts)
    assert passwords.is_password("correct horse", account.password, lock=tmp_path / "lock/password")


def test_nothing_is_set_on_a_unit_without_an_identity(unit: SimulatedUnit) -> None:
    with Line(unit.line) as line:
        for question in (questions.Save(), questions.MakeKeys(), questions.SetAdmin(HASH), questions.CheckPair()):
            with pytest.raises(Refused, match="no identity yet"):
                ask(line, question)
    assert generations.history(paths=unit.node) == []
