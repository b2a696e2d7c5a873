"""Which slot starts next, and what is noted of it: on a record in a file, with the flash in a directory."""

import json
import threading
from collections.abc import Callable
from contextlib import nullcontext
from errno import EIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.errors import Busy, Failure, Refused
from firmware.flows import boot, node_health, switch_slot
from firmware.locks import hold
from firmware.operations import upgrade_slots
from firmware.store import repository, saved_state
from firmware.store.paths import Paths
from firmware.sync.audit import THIS_NODE, Who
from firmware.upgrade import attention, notes, record_partition, slot_record, slots
from firmware.upgrade.notes import Expectation, Outcome
from firmware.upgrade.slot_record import NO_RECORD, SlotRecord, SlotTrust

WHO = Who("root")
NOTHING = Expectation((), (), (), (), (), True, "")


class Unit:
    """One that runs slot `running`."""

    def __init__(self, top: Path) -> None:
        self.device, self.paths = top / "record", Paths(top, top, top / "flash", top / "run")
        self.device.write_bytes(record_partition.image(NO_RECORD))
        self.paths.flash.mkdir()
        self.running = "a"
        self.versions = {"a": "1.0", "b": "2.0"}
        self.format = 1

    @property
    def record(self) -> SlotRecord:
        return record_partition.read(self.device).record

    @property
    def outcome(self) -> Outcome:
        found = notes.read_outcome()
        assert found is not None
        return found

    @property
    def told(self) -> tuple[str, ...]:
        """What everybody is told."""
        return attention.read()


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    made = Unit(tmp_path)
    read, write = record_partition.read, record_partition.write
    monkeypatch.setattr(record_partition, "read", lambda _=None: read(made.device))
    monkeypatch.setattr(record_partition, "write", lambda record, _=None: write(record, made.device))
    for name in ("write_outcome", "read_outcome", "acknowledge_outcome", "write_expectation", "read_expectation"):
        plain = getattr(notes, name)
        monkeypatch.setattr(notes, name, lambda *words, plain=plain, **_: plain(*words, paths=made.paths))
    told = tmp_path / "slots/attention"
    monkeypatch.setattr(attention, "put", lambda lines, put=attention.put: put(lines, told))
    monkeypatch.setattr(attention, "read", lambda _=None, read=attention.read: read(told))
    monkeypatch.setattr(attention, "clear", lambda clear=attention.clear: clear(told))
    monkeypatch.setattr(slots, "require_slots", lambda: made.running)
    monkeypatch.setattr(slots, "running", lambda: made.running)
    monkeypatch.setattr(slots, "has_slots", lambda: True)
    monkeypatch.setattr(
        slots,
        "release",
        lambda slot: (
            slots.Release({"VERSION_ID": made.versions[slot], "CSYNCD_CONFIG_FORMAT": str(made.format)})
            if made.versions[slot]
            else None
        ),
    )
    monkeypatch.setattr(node_health, "expectation", lambda: NOTHING)
    monkeypatch.setattr(node_health, "is_flash_unread", lambda: False)
    monkeypatch.setattr(boot, "await_end", lambda seconds: True)
    monkeypatch.setattr(switch_slot.audit, "note", lambda *_, **__: None)
    for name in ("PROVED", "ROLLED_BACK", "BEGUN"):
        monkeypatch.setattr(switch_slot, name, tmp_path / name)
    monkeypatch.setattr(switch_slot, "SLOTS", tmp_path / "lock")
    monkeypatch.setattr(switch_slot, "NEXT_SLOT", tmp_path / "next slot")
    return made


def test_in_the_middle_of_a_boot_its_end_is_waited_for_before_it_is_noted_what_works(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still to be started would be missing: a slot without haproxy would be kept."""
    done = list[str]()
    monkeypatch.setattr(boot, "await_end", lambda seconds: done.append("booted"))
    monkeypatch.setattr(node_health, "expectation", lambda: done.append("looked") or NOTHING)
    switch_slot.set_primary("b")
    assert done == ["booted", "looked"]


def test_an_upgrade_that_works(unit: Unit) -> None:
    switch_slot.mark_bad("b")
    assert unit.record == SlotRecord(("a", "b"), SlotTrust(True), SlotTrust(False))
    switch_slot.set_primary("b")
    assert unit.record == SlotRecord(("b", "a"), SlotTrust(True), SlotTrust(False, 3))
    assert (unit.outcome.result, unit.outcome.version) == (notes.STARTED, "2.0")
    unit.running = "b"
    assert switch_slot.settle() == []
    with pytest.raises(Refused, match="has not proved itself yet"):
        switch_slot.require_proved()
    assert switch_slot.confirm(who=WHO)
    assert unit.record == SlotRecord(("b", "a"), SlotTrust(True), SlotTrust(True))
    assert unit.outcome.result == notes.CONFIRMED and not unit.told
    switch_slot.require_proved()
    assert not switch_slot.confirm(who=WHO)


def test_what_has_to_work_is_noted_and_the_link_can_be_left_out(unit: Unit) -> None:
    switch_slot.set_primary("b")
    assert notes.read_expectation() == NOTHING
    switch_slot.set_primary("b", keep_link=False)
    noted = notes.read_expectation()
    assert noted is not None and not noted.link


def test_a_slot_that_gives_itself_up_says_why_in_the_other_one(unit: Unit) -> None:
    switch_slot.set_primary("b")
    unit.running = "b"
    switch_slot.give_up(("service wui does not run",), who=WHO)
    unit.running = "a"
    said = switch_slot.settle()
    assert said == ["the upgrade to 2.0 (slot b) was given up: service wui does not run"]
    assert unit.told == tuple(said)
    assert unit.record == SlotRecord(("a", "b"), SlotTrust(True), SlotTrust(False))


def test_a_slot_that_the_boot_loader_gave_up_is_noted_by_the_other_one(unit: Unit) -> None:
    switch_slot.set_primary("b")
    record_partition.write(unit.record.with_trust("b", SlotTrust(False, 0)))
    (said,) = switch_slot.settle()
    assert "the upgrade to 2.0 (slot b) was given up: each start of it ended" in said
    assert unit.outcome.result == notes.FELL_BACK
    assert unit.record.order == ("a", "b")


def test_an_older_fall_back_does_not_explain_a_newer_one(unit: Unit) -> None:
    notes.write_outcome(notes.FELL_BACK, "b", "1.9", ("an old reason",))
    switch_slot.set_primary("b")
    assert "each start of it ended" in switch_slot.settle()[0]


def give_up_b(unit: Unit) -> None:
    switch_slot.set_primary("b")
    unit.running = "b"
    switch_slot.give_up(("service wui does not run",), who=WHO)
    unit.running = "a"
    switch_slot.settle()


def test_a_version_that_cannot_be_read_any_more_is_named_all_the_same(unit: Unit) -> None:
    switch_slot.set_primary("b")
    record_partition.write(unit.record.with_trust("b", SlotTrust(False, 0)))
    unit.versions["b"] = ""
    assert "the upgrade to 2.0 (slot b) was given up" in switch_slot.settle()[0]


def test_what_was_given_up_is_said_at_each_boot_until_somebody_acknowledges_it(unit: Unit) -> None:
    give_up_b(unit)
    attention.clear()
    assert switch_slot.settle() and unit.told
    assert switch_slot.acknowledge(who=WHO) and not unit.told
    assert switch_slot.settle() == [] and not unit.told
    assert not switch_slot.acknowledge(who=WHO)
    assert unit.outcome.reasons == ("service wui does not run",) and unit.outcome.acknowledged


def test_another_upgrade_begins_with_nothing_said_of_the_last_one(unit: Unit) -> None:
    give_up_b(unit)
    switch_slot.mark_bad("b")
    assert not unit.told
    switch_slot.set_primary("b")
    unit.running = "b"
    assert switch_slot.settle() == [] and not unit.told
    switch_slot.confirm(who=WHO)
    unit.running = "a"
    assert not unit.told


def test_a_note_is_read_by_a_version_that_knows_less_and_by_one_that_knows_more(unit: Unit) -> None:
    """Each slot has a version of its own."""
    give_up_b(unit)
    path = unit.paths.flash / "upgrade/outcome.json"
    assert set(json.loads(path.read_text())) == {"result", "slot", "version", "reasons", "time", "format"}
    path.write_text(path.read_text().replace('"slot"', '"of a newer one": 1, "slot"'))
    assert unit.outcome.reasons == ("service wui does not run",)


def test_an_upgrade_that_is_given_up_once_more_is_said_once_more(unit: Unit) -> None:
    give_up_b(unit)
    switch_slot.acknowledge(who=WHO)
    give_up_b(unit)
    assert unit.told and not unit.outcome.acknowledged


def test_a_boot_mends_the_record(unit: Unit) -> None:
    content = bytearray(unit.device.read_bytes())
    content[record_partition.COPIES[0]] ^= 1
    unit.device.write_bytes(content)
    assert record_partition.read().whole == 1
    assert switch_slot.settle() == []
    assert record_partition.read().whole == 2


def test_a_slot_that_comes_first_and_could_not_be_started_is_said_and_kept(unit: Unit) -> None:
    unit.running = "b"
    assert "could not start it" in switch_slot.settle()[0]
    assert unit.record == NO_RECORD


def test_nobody_marks_or_installs_over_the_slot_that_runs(unit: Unit) -> None:
    for act in (switch_slot.mark_bad, switch_slot.set_primary):
        with pytest.raises(Refused, match="slot a is the one that runs"):
            act("a")
    assert unit.record == NO_RECORD


def test_going_back_to_a_slot_that_has_proved_itself_needs_no_trial(unit: Unit) -> None:
    assert switch_slot.go_back(who=WHO, force=False) == "b"
    assert unit.record == NO_RECORD.with_first("b")
    assert unit.outcome.result == notes.ROLLED_BACK


def test_going_back_to_one_that_has_not_is_refused_unless_forced(unit: Unit) -> None:
    switch_slot.mark_bad("b")
    with pytest.raises(Refused, match=r"slot b \(version 2.0\) has not proved itself"):
        switch_slot.go_back(who=WHO, force=False)
    assert switch_slot.go_back(who=WHO, force=True) == "b"
    assert unit.record == slot_record.put_on_trial(NO_RECORD, "b")


@pytest.mark.parametrize(("proved", "force"), [("ab", False), ("a", True), ("b", False)])
def test_nobody_goes_back_while_a_bundle_is_installed(proved: str, force: bool, unit: Unit) -> None:
    """What is half written would be put on trial. The control: he does after that."""
    record = SlotRecord(("a", "b"), SlotTrust("a" in proved), SlotTrust("b" in proved))
    record_partition.write(record)
    with hold(switch_slot.NEXT_SLOT), pytest.raises(Busy, match="a bundle is being installed") as raised:
        switch_slot.go_back(who=WHO, force=force)
    assert raised.value.status == 3 and unit.record == record and not switch_slot.ROLLED_BACK.exists()
    assert switch_slot.go_back(who=WHO, force=force) == unit.record.primary == "b"


@pytest.mark.parametrize("proved", ["ab", "a"])
def test_nothing_is_installed_into_a_slot_that_somebody_has_asked_for(proved: str, unit: Unit) -> None:
    """It starts as soon as this one has stopped."""
    record_partition.write(SlotRecord(("a", "b"), SlotTrust(True), SlotTrust("b" in proved)))
    switch_slot.require_proved()
    switch_slot.go_back(who=WHO, force=True)
    with pytest.raises(Refused, match="somebody has asked for slot b, and it starts now"):
        switch_slot.require_proved()


def test_going_back_to_one_that_cannot_be_read_is_refused(unit: Unit) -> None:
    unit.versions["b"] = ""
    with pytest.raises(Refused, match="it cannot be read"):
        switch_slot.go_back(who=WHO, force=True)


def test_going_back_from_a_slot_on_trial_gives_it_up(unit: Unit) -> None:
    switch_slot.set_primary("b")
    unit.running = "b"
    assert switch_slot.go_back(who=WHO, force=False) == "a"
    assert unit.record == slot_record.mark_bad(NO_RECORD, "b")
    assert unit.outcome.result == notes.ROLLED_BACK


def test_what_is_saved_is_kept_in_a_format_that_the_other_slot_reads(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(switch_slot.generations, "save_for_schema", lambda schema, who: asked.append(schema))
    switch_slot.go_back(who=WHO, force=False)
    assert asked == []
    monkeypatch.setattr(switch_slot.archive, "SCHEMA", 2)
    switch_slot.go_back(who=WHO, force=False)
    assert asked == [1]


def test_what_worked_before_an_earlier_upgrade_is_not_asked_of_this_one(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flash has no room for the note of this one."""
    switch_slot.set_primary("b")

    def fail(*_: object) -> None:
        raise Failure("no room")

    monkeypatch.setattr(notes, "write_expectation", fail)
    monkeypatch.setattr(notes, "forget_expectation", lambda forget=notes.forget_expectation: forget(unit.paths))
    switch_slot.set_primary("b")
    assert notes.read_expectation() is None


@pytest.fixture
def on_trial(unit: Unit) -> Unit:
    """Slot b, which has just been started."""
    switch_slot.set_primary("b")
    unit.running = "b"
    return unit


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[threading.Thread]:
    """Have somebody else do that in the middle of what is being decided: why is noted before it is recorded."""
    plain, begun = notes.write_outcome, list[threading.Thread]()

    def write(*words: Any, **named: Any) -> None:
        if not begun:
            begun.append(threading.Thread(target=act))
            begun[0].start()
            begun[0].join(0.1)
        plain(*words, **named)

    monkeypatch.setattr(notes, "write_outcome", write)
    return begun


def test_who_confirms_while_the_trial_gives_the_slot_up_is_not_lost(
    on_trial: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bool] = []
    other = meanwhile(monkeypatch, lambda: said.append(switch_slot.confirm(who=WHO)))
    assert switch_slot.give_up(("it was too late",), who=THIS_NODE)
    other[0].join()
    assert said == [True] and on_trial.record.primary == "b" and on_trial.record.trust("b").is_proved
    assert on_trial.outcome.result == notes.CONFIRMED


def test_a_trial_that_comes_too_late_does_not_give_up_what_was_confirmed(on_trial: Unit) -> None:
    assert switch_slot.confirm(who=WHO)
    assert not switch_slot.give_up(("it was too late",), who=THIS_NODE)
    assert on_trial.record.trust("b").is_proved and on_trial.outcome.result == notes.CONFIRMED


def test_who_rolls_back_while_the_trial_keeps_the_slot_is_not_lost(
    on_trial: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has proved itself by then, and the other one is started next all the same."""
    other = meanwhile(monkeypatch, lambda: switch_slot.go_back(who=WHO, force=False))
    assert switch_slot.confirm(who=THIS_NODE)
    other[0].join()
    assert on_trial.record.primary == "a" and on_trial.outcome.result == notes.ROLLED_BACK


@pytest.mark.parametrize("is_proved", [True, False])
def test_a_rollback_stands_whoever_confirms_after_it(is_proved: bool, on_trial: Unit) -> None:
    if is_proved:
        switch_slot.confirm(who=WHO)
    assert switch_slot.go_back(who=WHO, force=False) == "a"
    before = on_trial.record
    for decide in (switch_slot.confirm, switch_slot.pass_over):
        with pytest.raises(Refused, match="somebody has asked for slot a, and it starts now"):
            decide(who=THIS_NODE)
    assert not switch_slot.give_up(("it was too late",), who=THIS_NODE)
    assert on_trial.record == before and before.primary == "a" and on_trial.outcome.result == notes.ROLLED_BACK


def test_an_upgrade_that_waits_for_its_reboot_is_not_undone_by_who_confirms(unit: Unit) -> None:
    """The control: the slot that runs has proved itself, and the one on trial comes first."""
    switch_slot.set_primary("b")
    assert not switch_slot.confirm(who=WHO) and not switch_slot.pass_over(who=WHO)
    assert unit.record.primary == "b"


def test_a_slot_that_could_not_be_started_comes_second_once_somebody_confirms_the_other_one(unit: Unit) -> None:
    unit.running = "b"
    assert "could not start it" in switch_slot.settle()[0]
    done = upgrade_slots.confirm(who=WHO)
    assert (done.slot, done.is_new, done.passed_over, done.acknowledged) == ("b", False, "a", ())
    assert unit.record.primary == "b" and not unit.told and switch_slot.settle() == []


def test_what_is_acknowledged_is_said(unit: Unit) -> None:
    give_up_b(unit)
    done = upgrade_slots.confirm(who=WHO)
    assert (done.slot, done.version, done.is_new, done.passed_over) == ("a", "1.0", False, "")
    assert done.acknowledged == ("the upgrade to 2.0 (slot b) was given up: service wui does not run",)
    assert upgrade_slots.confirm(who=WHO).acknowledged == ()


@pytest.mark.parametrize("error", [Failure("no room"), OSError(EIO, "Input/output error"), ValueError("unforeseen")])
def test_a_slot_is_put_on_trial_though_what_works_now_cannot_be_found_out(
    error: Exception, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(node_health, "expectation", fail)
    monkeypatch.setattr(notes, "forget_expectation", fail if isinstance(error, OSError) else lambda: None)
    switch_slot.set_primary("b")
    assert unit.record.primary == "b"


@pytest.mark.parametrize("is_unread", [True, False])
def test_that_the_flash_cannot_be_read_is_recorded_where_no_flash_is_needed(
    is_unread: bool, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the trial is decided. One that cannot be written to is none that cannot be read."""

    def fail(*_: object) -> None:
        raise Failure("/flash: it cannot be mounted")

    for name in ("write_expectation", "forget_expectation"):
        monkeypatch.setattr(notes, name, fail)
    monkeypatch.setattr(node_health, "is_flash_unread", lambda: is_unread)
    switch_slot.set_primary("b")
    assert unit.record == slot_record.put_on_trial(NO_RECORD, "b", unread_flash=is_unread)
    assert unit.record.unread_flash is is_unread
    unit.running = "b"
    switch_slot.confirm(who=WHO)
    assert not unit.record.unread_flash


@pytest.mark.parametrize("act", [upgrade_slots.roll_back, upgrade_slots.confirm])
def test_a_rollback_or_a_confirmation_that_fails_is_in_the_trail(
    act: Callable[..., object], on_trial: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[str, object, object]] = []

    def fail(*_: object) -> None:
        raise OSError(EIO, "Input/output error", "/dev/record")

    monkeypatch.setattr(
        switch_slot.audit,
        "note",
        lambda event, **words: noted.append((event, words["result"], words.get("message"))),
    )
    monkeypatch.setattr(record_partition, "write", fail)
    with pytest.raises(Failure, match="/dev/record: Input/output error"):
        act(who=WHO)
    event = "upgrade rollback" if act is upgrade_slots.roll_back else "upgrade confirm"
    assert noted[-1] == (event, "failed", "/dev/record: Input/output error")


def test_where_nothing_is_saved_there_is_nothing_to_be_kept_for_the_other_slot(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_slot.archive, "SCHEMA", 2)
    monkeypatch.setattr(repository, "open_directory", lambda **_: nullcontext())
    monkeypatch.setattr(saved_state, "find_newest", lambda *_: SimpleNamespace(generation=None))
    assert switch_slot.go_back(who=WHO, force=False) == "b"
    assert unit.record.primary == "b"


def test_a_write_that_was_interrupted_is_said(unit: Unit) -> None:
    notes.write_outcome(notes.FELL_BACK, "b", "1.9", ("an old reason",))
    switch_slot.mark_bad("b")
    assert switch_slot.settle() == []
    assert (unit.outcome.result, unit.outcome.version) == (notes.BEGUN, "")


def test_a_slot_that_gave_itself_up_stands_in_the_trail_of_the_other_one(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    give_up_b(unit)
    monkeypatch.setattr(switch_slot.audit, "note", lambda event, **_: noted.append(event))
    switch_slot.settle()
    assert noted == ["upgrade fell back"]
    switch_slot.acknowledge(who=WHO)
    switch_slot.settle()
    assert noted.count("upgrade fell back") == 1


def test_a_fall_back_is_recorded_though_the_flash_cannot_be_read(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    switch_slot.set_primary("b")
    record_partition.write(unit.record.with_trust("b", SlotTrust(False, 0)), unit.device)

    def fail(**_: object) -> None:
        raise Failure("the flash cannot be mounted")

    monkeypatch.setattr(notes, "hold_flash", fail)
    switch_slot.settle()
    assert unit.record.order[0] == "a" and not unit.record.trust("b").is_bootable


def test_a_slot_that_gives_itself_up_and_cannot_say_why_is_said_to_have_been_given_up(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its flash cannot be written, which may be why."""
    switch_slot.set_primary("b")
    unit.running = "b"
    with monkeypatch.context() as broken:
        broken.setattr(notes, "write_outcome", fail_to_write)
        assert switch_slot.give_up(("/flash: it cannot be mounted",), who=THIS_NODE)
    assert not unit.record.trust("b").is_bootable
    unit.running = "a"
    (said,) = switch_slot.settle()
    assert "the upgrade to 2.0 (slot b) was given up" in said and "a flash that it cannot write" in said
    assert unit.record == SlotRecord(("a", "b"), SlotTrust(True), SlotTrust(False))


def fail_to_write(*_: object) -> None:
    raise OSError(EIO, "Input/output error", "record")


@pytest.mark.parametrize("proved", [True, False])
def test_a_decision_that_cannot_be_recorded_leaves_no_mark(
    proved: bool, on_trial: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial takes a mark for a decision."""
    if proved:
        switch_slot.confirm(who=WHO)
        switch_slot.PROVED.unlink()
    marks = list[bool]()

    def fail(*_: object) -> None:
        marks.append(switch_slot.ROLLED_BACK.exists() or switch_slot.PROVED.exists())
        fail_to_write()

    monkeypatch.setattr(record_partition, "write", fail)
    with pytest.raises(OSError):
        switch_slot.go_back(who=WHO, force=False)
    if not proved:
        with pytest.raises(OSError):
            switch_slot.confirm(who=WHO)
    assert all(marks) and len(marks) == 2 - proved
    assert not switch_slot.ROLLED_BACK.exists() and not switch_slot.PROVED.exists()


def test_a_slot_that_is_never_to_be_started_is_not_said_to_be(unit: Unit) -> None:
    """The power failed after its tries were written, and before the record was."""
    switch_slot.mark_bad("b")
    notes.write_outcome(notes.STARTED, "b", "2.0")
    record_partition.write(unit.record.with_trust("b", SlotTrust(False, 3)), unit.device)
    switch_slot.settle()
    assert (unit.outcome.result, unit.outcome.version) == (notes.BEGUN, "2.0")


def test_a_note_that_a_power_cut_left_behind_the_record_is_completed_at_the_next_boot(unit: Unit) -> None:
    """Noted is before the record is switched, and after a slot is proved in it."""
    switch_slot.mark_bad("b")
    notes.write_outcome(notes.STARTED, "b", "2.0")
    assert switch_slot.settle() == []
    assert (unit.outcome.result, unit.outcome.version) == (notes.BEGUN, "2.0")
    assert "the power failed before" in unit.outcome.reasons[0]
    switch_slot.set_primary("b")
    unit.running = "b"
    switch_slot.settle()
    assert unit.outcome.result == notes.STARTED
    record_partition.write(slot_record.prove(unit.record, "b"), unit.device)
    switch_slot.settle()
    assert unit.outcome.result == notes.CONFIRMED
