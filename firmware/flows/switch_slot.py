"""Which slot starts next: marked as bad before it is written, put on trial when it is whole, kept, or given up.

A slot on trial is kept or given up once. Whoever decides it, the trial or somebody who says so, looks at what is recorded, notes
why, and records it, all under one lock: the other one finds that it is decided.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from firmware import log
from firmware.errors import Failure, Refused
from firmware.locks import NEXT_SLOT, SLOTS, hold
from firmware.store import archive, generations
from firmware.store.repository import NoGeneration
from firmware.sync import audit
from firmware.sync.audit import THIS_NODE, Who
from firmware.upgrade import attention, notes, record_partition, slot_record, slots
from firmware.upgrade.slot_record import SlotRecord

#: below /run: the slot that runs has proved itself since it was started · somebody has asked for the other one since then
PROVED, ROLLED_BACK = Path("/run/firmware/slot-proved"), Path("/run/firmware/slot-rolled-back")
#: below /run, whatever flash and disk can keep: it may be that something of the other slot has been written
BEGUN = Path("/run/firmware/slot-begun")
#: seconds that a boot has to come to its end, before it is noted what works
BOOT_SECONDS = 180.0


def mark_bad(slot: str) -> None:
    """Have the other slot not be started: it is about to be written, or it did not work. Refused for the one that runs."""
    _require_other(slot)
    BEGUN.touch()
    _change(lambda record: slot_record.mark_bad(record, slot))
    _write_outcome(notes.BEGUN, slot, "", ("it is being written, or that was interrupted",))
    attention.clear()


def forget_begun() -> None:
    """From here on `is_begun` tells of what comes next."""
    BEGUN.unlink(missing_ok=True)


def is_begun() -> bool:
    """Has anybody begun to write the other slot since `forget_begun`?"""
    return BEGUN.exists()


def set_primary(slot: str, *, keep_link: bool = True) -> None:
    """Have the other slot be started next, on trial: if it does not work, this one comes back. What works now is noted on flash,
    for the other one to do as well; without `keep_link` it need not reach the peer. That the flash cannot be read is recorded."""
    _require_other(slot)
    unread_flash = _note_expectation(keep_link)
    _write_outcome(notes.STARTED, slot, _version(slot))
    _change(lambda record: slot_record.put_on_trial(record, slot, unread_flash=unread_flash))


def _note_expectation(keep_link: bool) -> bool:
    """What is still being started is waited for. Where it cannot be noted, whatever is to be started will have to run, and no
    more. Returns whether that is because the flash cannot even be read."""
    from firmware.flows import boot, node_health  # which takes long to load, and a boot does without

    if not boot.await_end(BOOT_SECONDS):
        log.line("upgrade: the boot has not come to its end: what runs now is all that will have to run")
    try:
        expected = node_health.expectation()
        notes.write_expectation(expected if keep_link else replace(expected, link=False))
    except Exception as error:
        log.line(f"upgrade: what works now is not noted: {audit.in_words('upgrade', error)}")
        with suppress(Failure, OSError):
            notes.forget_expectation()
        return node_health.is_flash_unread()
    return False


def require_proved() -> None:
    """Refused while the slot that runs has not proved itself: the other one is the way back; or where somebody has asked for that
    one, which starts now."""
    running = slots.require_slots()
    _refuse_rolled_back(running)
    if not record_partition.read().record.trust(running).is_proved:
        hint = "upgrade status says what is waited for; upgrade confirm keeps it now"
        raise Refused(f"slot {running}, which runs, has not proved itself yet: the other one is the way back", hint)


def confirm(*, who: Who, reasons: tuple[str, ...] = ()) -> bool:
    """Keep the slot that runs: it has proved itself. Returns whether it had not already. Refused where somebody has asked for the
    other one meanwhile. Where the trial has just given it up, it is started again all the same, and kept."""
    running = slots.require_slots()
    with hold(SLOTS):
        record = record_partition.read().record
        _refuse_rolled_back(running)
        if record.trust(running).is_proved:
            return False
        with _set_mark(PROVED):
            record_partition.write(slot_record.prove(record, running).with_first(running))
        _note(notes.CONFIRMED, running, reasons, who)
        return True


def pass_over(*, who: Who) -> str:
    """Where the boot loader could not start the slot that comes first, and so started the one that runs: that one comes first
    from now on. Returns the other one, or ""."""
    running = slots.require_slots()
    with hold(SLOTS):
        record = record_partition.read().record
        first = record.order[0]
        _refuse_rolled_back(running)
        if first == running or not (record.trust(first).is_proved and record.trust(running).is_proved):
            return ""
        record_partition.write(record.with_first(running))
        _note_in_trail("confirmed", running, _version(running), (f"slot {first} could not be started",), who)
        return first


def _refuse_rolled_back(running: str) -> None:
    if ROLLED_BACK.exists():
        there = slots.other(running)
        raise Refused(
            f"somebody has asked for slot {there}, and it starts now", "upgrade status there says how it went"
        )


def give_up(reasons: tuple[str, ...], *, who: Who) -> bool:
    """Have the slot that runs, which has not proved itself, not be started again. Returns whether that is so: not where somebody
    has kept it, or asked for the other one, meanwhile."""
    running = slots.require_slots()
    with hold(SLOTS):
        record = record_partition.read().record
        if record.trust(running).is_proved or ROLLED_BACK.exists():
            return False
        bad = slot_record.mark_bad(record, running)
        # The other slot reads the note. Where there is none, it sees from the order that this one was given up.
        is_noted = _note(notes.FELL_BACK, running, reasons, who)
        record_partition.write(bad if is_noted else bad.with_first(running))
        return True


@contextmanager
def _set_mark(mark: Path) -> Iterator[None]:
    """Which stays, unless what is done under it fails."""
    mark.touch()
    try:
        yield
    except BaseException:
        mark.unlink(missing_ok=True)
        raise


def go_back(*, who: Who, force: bool) -> str:
    """Have the other slot be started next; returns it. Refused where that has not proved itself, unless forced: then it is on
    trial; Busy while a bundle is installed. What is saved is kept in a format that it reads."""
    with hold(NEXT_SLOT, wait=False, busy="a bundle is being installed into the other slot"):
        return _go_back(slots.require_slots(), who, force)


def _go_back(running: str, who: Who, force: bool) -> str:
    there, because = slots.other(running), ("somebody asked for it",)
    contents = slots.release(there)
    if contents is None:
        raise Refused(f"slot {there}: it cannot be read", "upgrade install writes it anew")
    with hold(SLOTS):
        record = record_partition.read().record
        is_proved = record.trust(running).is_proved
        if not is_proved or record.trust(there).is_proved:
            if is_proved:
                _save_for(contents, who)
            with _set_mark(ROLLED_BACK):
                _note(notes.ROLLED_BACK, running, because, who)
                record_partition.write(record.with_first(there) if is_proved else slot_record.mark_bad(record, running))
            return there
    if not force:
        hint = "upgrade rollback --force starts it on trial"
        raise Refused(f"slot {there} (version {contents.version}) has not proved itself", hint)
    _save_for(contents, who)
    with _set_mark(ROLLED_BACK):
        set_primary(there)
    return there


def _save_for(contents: slots.Release, who: Who) -> None:
    if contents.config_format < archive.SCHEMA:
        with suppress(NoGeneration):  # it starts with its own factory's configuration, as this one did
            generations.save_for_schema(contents.config_format, who=who.account)


def acknowledge(*, who: Who) -> tuple[str, ...]:
    """Tell nobody any more what everybody is told of the slots, for somebody knows; returns that. `upgrade status` and the trail
    go on saying that an upgrade was given up."""
    told = attention.read()
    if not told:
        return ()
    last = notes.read_outcome()
    if last and last.result == notes.FELL_BACK:
        notes.acknowledge_outcome()
    audit.note("upgrade acknowledged", who=who, result="done", message="; ".join(told))
    attention.clear()
    return told


def settle() -> list[str]:
    """At a boot: mend the record if a copy is not whole; if the boot loader has given up a slot that was on trial, note that; and
    have everybody told of a slot that was given up. Returns what there is to say. Nothing on a node without slots."""
    if not slots.has_slots():
        return []
    running, found = slots.running(), record_partition.read()
    if found.problem:
        log.line(f"the record of slots: {found.problem}; it is written anew")
        _change(lambda record: record)
    _repeat_in_trail(notes.read_outcome())
    first, said = found.record.order[0], list[str]()
    if first != running and found.record.trust(first).is_proved:
        said.append(unstarted_in_words(first))
    elif first != running:
        _note_fall_back(first)
    else:
        _complete_outcome(running, found.record)
    if not found.record.trust(slots.other(running)).is_proved:
        said += _fall_back_in_words(slots.other(running))
    if said:
        attention.put(said)
    return said


def unstarted_in_words(slot: str) -> str:
    """What is to be said where a slot that has proved itself comes first, and did not start."""
    return f"slot {slot} comes first, and the boot loader could not start it: slot {slots.other(slot)} runs"


def _repeat_in_trail(last: notes.Outcome | None) -> None:
    """A slot that gave itself up said so in its own trail, which is gone with it."""
    if last and last.result == notes.FELL_BACK and not last.acknowledged:
        _note_in_trail(last.result, last.slot, last.version, last.reasons, THIS_NODE)


def _note_fall_back(slot: str) -> None:
    """Note that a slot on trial has used up its tries, unless it has said itself why it gave up."""
    outcome = notes.read_outcome()
    if outcome is None or outcome.slot != slot or outcome.result == notes.STARTED:
        why = "each start of it ended before it was known to work (a crash, a hang, a power cut, a flash that it cannot write)"
        version = outcome.version if outcome and outcome.slot == slot else ""
        _note(notes.FELL_BACK, slot, (why,), THIS_NODE, version=version)
    _change(lambda record: slot_record.mark_bad(record, slot))


def _complete_outcome(running: str, record: SlotRecord) -> None:
    """What is noted and what is recorded are two writes: where the power failed between them, say what the record says."""
    last = notes.read_outcome()
    if last is None or last.result != notes.STARTED:
        return
    if last.slot == running and record.trust(running).is_proved:
        _note(notes.CONFIRMED, running, (), THIS_NODE)
    elif last.slot != running and record.order[0] != last.slot:
        why = "it was written, and the power failed before it was to be started"
        _write_outcome(notes.BEGUN, last.slot, last.version, (why,))


def _fall_back_in_words(slot: str) -> list[str]:
    last = notes.read_outcome()
    if last is None or last.slot != slot or last.result != notes.FELL_BACK or last.acknowledged:
        return []
    return [f"the upgrade to {last.version or 'another version'} (slot {slot}) was given up: {'; '.join(last.reasons)}"]


def _note(result: str, slot: str, reasons: tuple[str, ...], who: Who, *, version: str = "") -> bool:
    """For `upgrade status` and the trail. `version` is known where the slot itself may not be readable. Returns whether the other
    slot will find it."""
    version = version or _version(slot)
    _note_in_trail(result, slot, version, reasons, who)
    return _write_outcome(result, slot, version, reasons)


def _note_in_trail(result: str, slot: str, version: str, reasons: tuple[str, ...], who: Who) -> None:
    audit.note(f"upgrade {result}", who=who, result="done", slot=slot, version=version, message="; ".join(reasons))


def _write_outcome(result: str, slot: str, version: str, reasons: tuple[str, ...] = ()) -> bool:
    """That it cannot be noted stops nothing: a flash that is damaged is no reason to keep an old version. Returns whether it
    is noted."""
    try:
        notes.write_outcome(result, slot, version, reasons)
    except (Failure, OSError) as error:
        log.line(f"upgrade: {audit.in_words('upgrade', error)}")
        return False
    return True


def _version(slot: str) -> str:
    found = slots.release(slot)
    return found.version if found else ""


def _require_other(slot: str) -> None:
    if slot == slots.require_slots():
        raise Refused(f"slot {slot} is the one that runs", "upgrade status")


def _change(change: Callable[[SlotRecord], SlotRecord], device: Path = record_partition.DEVICE) -> None:
    with hold(SLOTS):
        record_partition.write(change(record_partition.read(device).record), device)
