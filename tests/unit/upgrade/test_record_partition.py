"""The record of slots on a disk: whatever a power cut does to what is just being written, what was acknowledged is there, or what
was in flight."""

import os
import random
import re
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from firmware.errors import Failure
from firmware.upgrade import record_partition, slot_record
from firmware.upgrade.record_partition import COPIES, GRUB_NAME, PAGE, TRIES
from firmware.upgrade.slot_record import NO_RECORD, SECTOR, SlotRecord, SlotTrust

BOARD = Path(__file__).resolve().parents[3] / "buildroot/board"

#: a page that begins there, before and after its write
Write = tuple[int, bytes, bytes]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "record"
    path.write_bytes(record_partition.image(NO_RECORD))
    return path


def steps() -> Iterator[SlotRecord]:
    """An upgrade to b that is kept, one to a that is given up, and going back."""
    record = NO_RECORD
    for slot, end in (("b", slot_record.prove), ("a", slot_record.mark_bad), ("a", slot_record.prove)):
        for change in (slot_record.mark_bad, slot_record.put_on_trial, end):
            record = change(record, slot)
            yield record
    yield record.with_first("b")


def choice(record: SlotRecord) -> tuple[object, ...]:
    return record.order, record.a.is_proved, record.b.is_proved


def test_what_is_written_is_read(disk: Path) -> None:
    for record in steps():
        record_partition.write(record, disk)
        found = record_partition.read(disk)
        assert found.record == record and found.whole == 2 and not found.problem


def test_a_new_disk_starts_slot_a_and_has_a_whole_record(disk: Path) -> None:
    assert record_partition.read(disk).record == NO_RECORD
    assert record_partition.read(disk).whole == 2


def log_writes(write: Callable[[], None], disk: Path, monkeypatch: pytest.MonkeyPatch) -> list[Write]:
    """The pages that are written, in order; each is on the disk before the next."""
    found: list[Write] = []
    plain = os.pwrite

    def note(handle: int, data: bytes, offset: int) -> int:
        found.append((offset, os.pread(handle, len(data), offset), data))
        return plain(handle, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", note)
        write()
    return found


def damages(old: bytes, new: bytes) -> Iterator[bytes]:
    """What a power cut makes of the page that is being written: some sectors of either, one of them lost, or all."""
    sectors = PAGE // SECTOR
    for cut in range(sectors + 1):
        yield new[: cut * SECTOR] + old[cut * SECTOR :]
        yield old[: cut * SECTOR] + new[cut * SECTOR :]
    for lost in range(sectors):
        for filling in (b"\0", b"\xff", b"\xa5"):
            yield new[: lost * SECTOR] + filling * SECTOR + new[(lost + 1) * SECTOR :]
            yield old[: lost * SECTOR] + filling * SECTOR + old[(lost + 1) * SECTOR :]
    yield from (filling * PAGE for filling in (b"\0", b"\xff"))
    yield random.Random(4).randbytes(PAGE)


def lost_states(disk: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """How many states were tried, and those in which neither what was acknowledged nor what was in flight is read."""
    tried, lost, before = 0, [], NO_RECORD
    for number, record in enumerate(steps()):
        start = disk.read_bytes()
        record_writes = log_writes(lambda: record_partition.write(record, disk), disk, monkeypatch)  # noqa: B023
        end = disk.read_bytes()
        disk.write_bytes(start)
        with open(disk, "r+b", buffering=0) as file:
            for at, (offset, old, new) in enumerate(record_writes):
                for page in (*damages(old, new), new):
                    os.pwrite(file.fileno(), page, offset)
                    tried += 1
                    found = record_partition.read(disk)
                    if choice(found.record) not in (choice(before), choice(record)) or not found.whole:
                        lost.append(f"step {number}, write {at}: {found}")
        disk.write_bytes(end)
        before = record
    return tried, lost


def test_no_power_cut_takes_what_was_acknowledged(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, lost = lost_states(disk, monkeypatch)
    assert tried > 1000 and not lost, f"{len(lost)} of {tried}: {lost[:3]}"


def test_a_record_in_one_copy_is_caught(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle sees the fault."""
    monkeypatch.setattr(record_partition, "COPIES", (COPIES[0], COPIES[0]))
    disk.write_bytes(record_partition.image(NO_RECORD))
    assert lost_states(disk, monkeypatch)[1]


@pytest.mark.parametrize("number", [0, 1])
def test_a_copy_that_was_lost_before_is_mended_before_the_other_is_touched(
    disk: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Two power cuts after each other take nothing, either."""
    with open(disk, "r+b") as file:
        file.seek(COPIES[number])
        file.write(bytes(PAGE))
    assert record_partition.read(disk).problem == "one of its two copies is not whole"
    writes = log_writes(lambda: record_partition.write(slot_record.mark_bad(NO_RECORD, "b"), disk), disk, monkeypatch)
    places = [offset for offset, _, _ in writes if offset in COPIES]
    assert places == [COPIES[number], *COPIES]


def test_copies_that_differ_are_made_the_same_first(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut came between them: the second one still says what was before, and the first is what was acknowledged since."""
    new = slot_record.mark_bad(NO_RECORD, "b")
    writes = log_writes(lambda: record_partition.write(new, disk), disk, monkeypatch)
    with open(disk, "r+b") as file:
        file.seek(COPIES[1])
        file.write(writes[1][1])
    assert record_partition.read(disk).whole == 1 and choice(record_partition.read(disk).record) == choice(new)
    again = log_writes(lambda: record_partition.write(slot_record.put_on_trial(new, "b"), disk), disk, monkeypatch)
    assert [offset for offset, _, _ in again] == [TRIES, COPIES[1], *COPIES]


def test_tries_come_before_a_slot_is_first_and_go_after_it_is_last(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = slot_record.put_on_trial(NO_RECORD, "b")
    grants = log_writes(lambda: record_partition.write(trial, disk), disk, monkeypatch)
    assert [offset for offset, _, _ in grants] == [TRIES, *COPIES]
    takes = log_writes(lambda: record_partition.write(slot_record.mark_bad(trial, "b"), disk), disk, monkeypatch)
    assert [offset for offset, _, _ in takes] == [*COPIES, TRIES]


def test_without_a_record_both_slots_count_as_proved(disk: Path) -> None:
    disk.write_bytes(bytes(record_partition.SIZE))
    found = record_partition.read(disk)
    assert found.record == NO_RECORD and found.problem == "neither of its two copies is whole"
    record_partition.write(found.record, disk)
    assert record_partition.read(disk).whole == 2


def test_a_disk_that_does_not_keep_what_is_written_is_said(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda handle, data, offset: len(data))
    with pytest.raises(Failure, match="what was read back is not what was written"):
        record_partition.write(slot_record.mark_bad(NO_RECORD, "b"), disk)


def test_a_node_without_the_partition_says_so(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nowhere"):
        record_partition.read(tmp_path / "nowhere")


def test_the_boot_loader_looks_where_the_record_is() -> None:
    """Its script has the numbers in it, and is never changed on a unit."""
    script = (BOARD / "grub.cfg").read_text()
    for number, offset in enumerate(COPIES):
        block = offset // SECTOR
        assert f"--check {GRUB_NAME}{block + 1}+1" in script
        assert f"load_env -f {record_partition.block_name(number)} order a_ok b_ok" in script
        assert record_partition.block_name(number) == f"{GRUB_NAME}{block}+1"
    assert f"{GRUB_NAME}/tries" in script
    with tarfile.open(fileobj=BytesIO(record_partition.image(NO_RECORD))) as archive:
        assert archive.getnames() == ["tries"] and archive.getmembers()[0].size == SECTOR
    names = re.findall(r"^\tpartition (\S+) {\n(?!\t\tin-partition-table)", (BOARD / "genimage.cfg").read_text(), re.M)
    assert names.index("record") == 6 and names.index("slot-a") == 2 and names.index("slot-b") == 3


def test_the_boot_loader_counts_down_from_what_is_granted() -> None:
    script = (BOARD / "grub.cfg").read_text()
    assert f"if [ $tries = {slot_record.MOST_TRIES} ]; then set left={slot_record.MOST_TRIES - 1};" in script
    assert SlotTrust(False, 1).is_bootable and not SlotTrust(False, 0).is_bootable
