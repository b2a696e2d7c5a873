"""What upgrades do to the record of slots while its writes are logged: a slot is given up, tried, proved; then the other one."""

from collections.abc import Callable
from pathlib import Path

from subject import Disk, Found, Subject

from firmware.upgrade import record_partition, slot_record
from firmware.upgrade.slot_record import NO_RECORD, SlotRecord

ROUNDS = 12
_CHANGES = (slot_record.mark_bad, slot_record.put_on_trial, slot_record.prove)


def slots(work: Path) -> Subject:
    """Upgrades back and forth, as they are written. The tries are not looked for: who loses them has lost them, and the slot is
    passed over."""
    work.mkdir(parents=True)
    record, steps = NO_RECORD, [_new_disk]
    for number in range(ROUNDS):
        for change in _CHANGES:
            record = change(record, "ba"[number % 2])
            steps.append(_writer(record))
    return Subject("slots", tuple(steps), _read, Disk(record_partition.SIZE, None))


def _new_disk(device: Path) -> Found:
    with device.open("rb+") as file:
        file.write(record_partition.image(NO_RECORD))
    return _found(NO_RECORD, 2)


def _writer(record: SlotRecord) -> Callable[[Path], Found]:
    def write(device: Path) -> Found:
        record_partition.write(record, device)
        return _found(record, 2)

    return write


def _read(device: Path) -> Found:
    found = record_partition.read(device)
    return _found(found.record, found.whole)


def _found(record: SlotRecord, whole: int) -> Found:
    return {"choice": (record.order, record.a.is_proved, record.b.is_proved), "is there": whole > 0}


def in_one_copy() -> None:
    """There is one, and it is overwritten."""
    record_partition.COPIES = record_partition.COPIES[:1] * 2


MUTANTS: dict[str, Callable[[], None]] = {"record in one copy": in_one_copy}
