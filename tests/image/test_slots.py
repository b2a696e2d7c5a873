"""Which slot the boot loader starts, and that a unit which hangs comes back: one unit, booted from each in turn.

The record is written from outside here. Which slot the boot loader takes for which record, test_boot_loader.py says.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import disk_image
import pytest
from lab_driver import Lab, eventually
from serial_console import console_text

from firmware.upgrade import slot_record
from firmware.upgrade.slot_record import NO_RECORD

pytestmark = pytest.mark.all
HANG = ("sh", "-c", "kill -STOP $(pidof watchdog)")


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit."""
    lab = Lab(worker_labs / "slots", kind="qemu")
    try:
        lab.up(1)
        yield lab
    finally:
        lab.down()


def slot(unit: Lab) -> str:
    """The slot that it has booted: what the kernel was told, and what is mounted, say the same."""
    name = unit.run(1, "sh", "-c", "tr ' ' '\\n' </proc/cmdline | sed -n 's/^slot=//p'").stdout.strip()
    program = "import os; s = os.stat('/').st_dev; print(f'{os.major(s)}:{os.minor(s)}')"
    device = unit.run(1, "/usr/bin/python3", "-c", program).stdout.strip()
    assert f"PARTNAME=slot-{name}\n" in unit.read(1, f"/sys/dev/block/{device}/uevent")
    return name


def disk(unit: Lab) -> Path:
    return unit.state / "1" / "disk.img"


def test_slot_a_is_the_first_one(unit: Lab) -> None:
    assert slot(unit) == "a"


def test_slot_b_is_tried_and_kept_for_all_works(unit: Lab) -> None:
    """It has not proved itself. Nobody noted what worked before: every service that is to be started runs."""
    disk_image.write_record(disk(unit), slot_record.put_on_trial(NO_RECORD, "b"))
    unit.cut(1)
    assert slot(unit) == "b"
    assert "trial=2" in unit.read(1, "/proc/cmdline").split()
    assert eventually(lambda: disk_image.record(disk(unit)).b.is_proved, 120)
    assert disk_image.record(disk(unit)) == slot_record.prove(slot_record.put_on_trial(NO_RECORD, "b"), "b")


def test_a_unit_that_hangs_comes_back(unit: Lab) -> None:
    """Nothing feeds the watchdog."""
    unit.reboot(1, *HANG)
    assert slot(unit) == "b"


def test_a_slot_that_cannot_be_read_is_passed_over(unit: Lab) -> None:
    partitions = disk_image.partitions(disk(unit))
    partitions["slot-a"].write(b"\xa5" * (1 << 20))
    disk_image.write_record(disk(unit), NO_RECORD)
    unit.cut(1)
    assert slot(unit) == "b"
    assert unit.run(1, "service", "haproxy", "status").status == 0
    assert "slot a  cannot be read" in unit.run(1, "upgrade", "status").stdout
    refused = unit.run(1, "upgrade", "rollback", check=False)
    assert refused.status == 3 and "slot a: it cannot be read" in refused.stderr


def test_a_flash_whose_superblock_is_gone_is_repaired(unit: Lab) -> None:
    """From its copies; what was saved is there again."""
    unit.run(1, "sh", "-c", "echo '192.0.2.9 kept' >>/etc/hosts")
    unit.run(1, "config", "save")
    disk_image.partitions(disk(unit))["flash"].write(b"\xa5" * 4096)
    unit.cut(1)
    assert "192.0.2.9 kept" in unit.read(1, "/etc/hosts")
    assert "is being repaired" in console_text(unit, 1)
    unit.run(1, "sh", "-c", "echo '192.0.2.10 again' >>/etc/hosts")
    unit.run(1, "config", "save")


def test_a_unit_without_a_flash_that_can_be_read_says_what_to_do(unit: Lab) -> None:
    flash = disk_image.partitions(disk(unit))["flash"]
    flash.write(b"\xa5" * flash.size)
    unit.cut(1)
    words = console_text(unit, 1)
    assert "nothing that is saved is restored" in words
    order = re.findall(r"anew, empty: (mke2fs .*)", words)[-1]
    unit.run(1, *order.split())
    unit.run(1, "sh", "-c", "echo '192.0.2.11 anew' >>/etc/hosts")
    unit.run(1, "config", "save")
    assert unit.run(1, "config", "changes", "-q", check=False).status == 0
