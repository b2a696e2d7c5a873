"""Whole upgrades, again and again: with power cuts in every step, and back and forth between two versions. How many of each is
`make -f image.mk soak ARGS='upgrade_cuts=40 upgrades=30'`; here it is a few."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import disk_image
import pytest
import unit_slots
import upgrade_cuts
import upgrades
from cut_disks import CutDisk
from cut_examination import Damaged, Examiner
from lab_driver import Lab
from story import Stage

from firmware.upgrade import slot_record
from firmware.upgrade.slot_record import NO_RECORD

pytestmark = pytest.mark.all


@pytest.fixture
def stage(image: Path, worker_labs: Path) -> Iterator[Stage]:
    """One unit, freshly booted."""
    lab = Lab(worker_labs / "upgrades", kind="qemu")
    try:
        lab.up(1)
        yield Stage(lab, tell=print)
    finally:
        lab.down()


def test_an_examination_sees_what_would_not_come_back(image: Path, tmp_path: Path) -> None:
    """A slot that is started and not whole, a record without anything that can be started, and a save that is gone."""
    disk = tmp_path / "disk.img"
    shutil.copy(image, disk)
    examiner, cut = Examiner.prepare(tmp_path, [image.parent / "slot.squashfs"], disk), CutDisk("write", 0.0, disk)
    disk_image.partitions(disk)["slot-b"].write(bytes(1 << 20))
    disk_image.write_record(disk, slot_record.mark_bad(NO_RECORD, "b"))
    assert examiner.slot(cut) == "a"
    disk_image.write_record(disk, slot_record.put_on_trial(NO_RECORD, "b"))
    with pytest.raises(Damaged, match="that slot is not whole"):
        examiner.slot(cut)
    disk_image.write_record(disk, NO_RECORD)
    with pytest.raises(Damaged, match="saved are"):
        replace(examiner, saved={"000001.tar": "0" * 64}).slot(cut)


def test_a_unit_comes_back_from_a_power_cut_in_each_step_of_an_upgrade(stage: Stage) -> None:
    figures = upgrade_cuts.play(stage, len(upgrade_cuts.STEPS), 1, print)
    assert {key.partition(":")[0] for key in figures["cuts"]} == set(upgrade_cuts.STEPS)


def test_upgrades_back_and_forth_lose_nothing_and_leave_nothing_behind(stage: Stage) -> None:
    figures = upgrades.play(stage, 4, 1, print)
    assert figures["upgrades"] == 4
    assert "upgrade rolled back" not in stage.on(1, "csync", "log")
    assert unit_slots.slots(stage.lab).last["result"] == "confirmed"
