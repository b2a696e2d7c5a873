"""Which slot the boot loader starts, and that a unit which hangs comes back: one unit, booted from each in turn.

The record in the partition `boot` is written from outside, as an upgrade would: the unit does not look at it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import disk_image
import pytest
from lab_driver import Lab
from serial_console import console_text

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


def test_slot_b_boots_too_and_a_try_is_counted(unit: Lab) -> None:
    """It has not proved itself, and may be tried twice."""
    disk_image.record(disk(unit), order="b a", b_ok="0", b_tries="2")
    unit.cut(1)
    assert slot(unit) == "b"
    assert disk_image.record(disk(unit))["b_tries"] == "1"


def test_a_unit_that_hangs_comes_back(unit: Lab) -> None:
    """Nothing feeds the watchdog. Slot b gets its last try with that."""
    unit.reboot(1, *HANG)
    assert slot(unit) == "b"
    assert disk_image.record(disk(unit))["b_tries"] == "0"


def test_a_slot_without_tries_is_passed_over(unit: Lab) -> None:
    unit.cut(1)
    assert slot(unit) == "a"
    assert disk_image.record(disk(unit)) == {"order": "b a", "a_ok": "1", "b_ok": "0", "a_tries": "0", "b_tries": "0"}


def test_a_slot_that_cannot_be_read_is_passed_over(unit: Lab) -> None:
    disk_image.record(disk(unit), order="a b", b_ok="1")
    disk_image.partitions(disk(unit))["slot-a"].write(b"\xa5" * (1 << 20))
    unit.cut(1)
    assert slot(unit) == "b"
    assert unit.run(1, "service", "haproxy", "status").status == 0


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
