"""What a trial has decided is done only if nobody has decided otherwise meanwhile."""

from errno import EIO
from pathlib import Path

import pytest

from firmware.errors import Refused
from firmware.flows import slot_trial, switch_slot
from firmware.upgrade import notes, record_partition, slot_record, slots
from firmware.upgrade.notes import Expectation
from firmware.upgrade.record_partition import FoundRecord
from firmware.upgrade.slot_record import NO_RECORD

READ_EXPECTATION = slot_trial._read_expectation


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(slots, "tries_at_start", lambda: 2)
    monkeypatch.setattr(slots, "has_slots", lambda: True)
    monkeypatch.setattr(slots, "running", lambda: "b")
    monkeypatch.setattr(slot_trial, "_read_expectation", lambda: None)
    monkeypatch.setattr(slot_trial, "run", lambda words: said.append(" ".join(words)))
    monkeypatch.setattr(slot_trial.log, "line", lambda words: said.append(words))
    return said


@pytest.mark.parametrize(("is_given_up", "rebooted"), [(True, ["reboot"]), (False, [])])
def test_a_slot_that_somebody_has_kept_meanwhile_is_not_left(
    is_given_up: bool, rebooted: list[str], done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_trial, "await_health", lambda _: ["service wui does not run"])
    monkeypatch.setattr(switch_slot, "give_up", lambda *_, **__: is_given_up)
    slot_trial.main()
    assert done[1:] == rebooted


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            Refused("somebody has asked for slot a, and it starts now"),
            "somebody has asked for slot a, and it starts now",
        ),
        (OSError(EIO, "Input/output error", "/dev/record"), "/dev/record: Input/output error"),
    ],
)
def test_a_slot_that_somebody_has_left_meanwhile_is_not_kept(
    error: Exception, words: str, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one of which that cannot be recorded."""

    def refuse(**_: object) -> bool:
        raise error

    monkeypatch.setattr(slot_trial, "await_health", lambda _: [])
    monkeypatch.setattr(switch_slot, "confirm", refuse)
    slot_trial.main()
    assert done == [f"upgrade: {words}"]


def test_a_trial_goes_on_though_nobody_can_be_told_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For /run has no room."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(slot_trial, "WAITING", tmp_path / "file/trial")
    monkeypatch.setattr(slot_trial, "STEADY_SECONDS", 0.0)
    monkeypatch.setattr(slot_trial, "look", lambda _: [])
    for mark in ("PROVED", "ROLLED_BACK"):
        monkeypatch.setattr(switch_slot, mark, tmp_path / mark)
    assert slot_trial.await_health(None) == []


@pytest.mark.parametrize("unread_flash", [True, False])
def test_what_an_earlier_upgrade_noted_is_not_asked_of_one_that_could_not_read_the_flash(
    unread_flash: bool, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Expectation(("vrrp",), (), (), (), (), False, "")
    record = slot_record.put_on_trial(NO_RECORD, "b", unread_flash=unread_flash)
    asked: list[object] = []
    monkeypatch.setattr(slot_trial, "_read_expectation", READ_EXPECTATION)
    monkeypatch.setattr(record_partition, "read", lambda: FoundRecord(record, 2))
    monkeypatch.setattr(notes, "read_expectation", lambda: earlier)
    monkeypatch.setattr(slot_trial, "await_health", asked.append)
    slot_trial.main()
    assert asked == [notes.UNREAD_FLASH if unread_flash else earlier]
