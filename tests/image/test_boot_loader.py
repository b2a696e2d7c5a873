"""Which slot the boot loader starts, whatever has become of the record: the boot loader alone, half a second each."""

from pathlib import Path

import boot_loader
import pytest
from boot_loader import BootLoader
from disk_image import partitions

from firmware.upgrade import slot_record
from firmware.upgrade.record_partition import COPIES, PAGE, TRIES
from firmware.upgrade.slot_record import NO_RECORD, SECTOR, SlotRecord, SlotTrust

KEPT = slot_record.prove(slot_record.put_on_trial(NO_RECORD, "b"), "b")
TRIAL = slot_record.put_on_trial(NO_RECORD, "b")
UNREAD_FLASH = slot_record.put_on_trial(NO_RECORD, "b", unread_flash=True)


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> BootLoader:
    """A disk with two slots that can be read."""
    return boot_loader.make(tmp_path_factory.mktemp("loader"))


def spoil(loader: BootLoader, offset: int, size: int, filling: bytes = b"\xff") -> None:
    """Have so many bytes of the record be lost."""
    content = bytearray(loader.record.read())
    content[offset : offset + size] = filling * size
    loader.record.write(bytes(content))


@pytest.mark.parametrize(("record", "slot"), [(NO_RECORD, "a"), (KEPT, "b")], ids=["a", "b"])
def test_a_slot_that_has_proved_itself_is_started_and_nothing_is_written(
    loader: BootLoader, record: SlotRecord, slot: str
) -> None:
    loader.write_record(record)
    before = loader.disk.read_bytes()
    assert loader.start() == f"{slot} []"
    assert loader.disk.read_bytes() == before


@pytest.mark.all(but=["read"])
@pytest.mark.parametrize("trial", [TRIAL, UNREAD_FLASH], ids=["read", "unread"])
def test_a_slot_on_trial_is_started_three_times_and_then_passed_over(loader: BootLoader, trial: SlotRecord) -> None:
    """Whatever else is noted of the trial."""
    loader.write_record(trial)
    for left in (2, 1, 0):
        assert loader.start() == f"b [trial={left}]"
        assert loader.read_record() == trial.with_trust("b", SlotTrust(False, left))
    assert loader.start() == "a []"


@pytest.mark.parametrize("copy", [0, pytest.param(1, marks=pytest.mark.all)])
@pytest.mark.parametrize(
    ("at", "size"),
    [
        (0, PAGE),
        *(pytest.param(at, size, marks=pytest.mark.all) for at, size in [(0, SECTOR), (SECTOR, SECTOR), (40, 1)]),
    ],
    ids=str,
)
def test_one_copy_is_enough(loader: BootLoader, copy: int, at: int, size: int) -> None:
    loader.write_record(KEPT)
    spoil(loader, COPIES[copy] + at, size)
    assert loader.start() == "b []"


def test_without_a_record_slot_a_is_started(loader: BootLoader) -> None:
    for copy in COPIES:
        spoil(loader, copy, PAGE)
    spoil(loader, TRIES, PAGE)
    assert loader.start() == "a []"


@pytest.mark.parametrize(
    ("at", "size"),
    [(0, PAGE), *(pytest.param(at, SECTOR, marks=pytest.mark.all) for at in (0, SECTOR))],
    ids=str,
)
def test_a_slot_whose_tries_are_lost_is_not_tried(loader: BootLoader, at: int, size: int) -> None:
    """What the boot loader itself was writing when the power went: the slot that has proved itself is started."""
    loader.write_record(TRIAL)
    spoil(loader, TRIES + at, size)
    assert loader.start() == "a []"


def test_a_try_that_cannot_be_counted_is_none(loader: BootLoader) -> None:
    """Else a disk that cannot be written to would be tried for ever."""
    loader.write_record(TRIAL)
    assert loader.start(writable=False) == "a []"
    assert loader.start() == "b [trial=2]", "the control"


@pytest.mark.all
def test_a_bad_slot_is_the_last_resort(loader: BootLoader) -> None:
    """Nothing else can be read; and where nothing has proved itself, the first one is started."""
    loader.write_record(slot_record.mark_bad(NO_RECORD, "b"))
    slot = partitions(loader.disk)["slot-a"]
    whole = slot.read()
    slot.write(bytes(len(whole)))
    assert loader.start() == "b []"
    slot.write(whole)
    assert loader.start() == "a []"
    loader.write_record(slot_record.mark_bad(slot_record.mark_bad(NO_RECORD, "b"), "a"))
    assert loader.start() == "b []"


@pytest.mark.all
def test_what_the_boot_loader_lost_the_firmware_writes_anew(loader: BootLoader, tmp_path: Path) -> None:
    """The tries of the next upgrade are there again, and count."""
    from firmware.upgrade import record_partition

    loader.write_record(TRIAL)
    spoil(loader, TRIES, PAGE)
    copy = tmp_path / "record"
    copy.write_bytes(loader.record.read())
    record_partition.write(slot_record.put_on_trial(record_partition.read(copy).record, "b"), copy)
    loader.record.write(copy.read_bytes())
    assert loader.start() == "b [trial=2]"
