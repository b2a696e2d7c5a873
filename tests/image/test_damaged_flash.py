"""A flash that a power cut has damaged, on a unit that boots: it is repaired by itself where that is possible, and else the unit
says how to make it anew, and does not do that by itself. The disk is damaged from outside, while the unit does not look at it."""

from collections.abc import Iterator
from pathlib import Path

import disk_image
import pytest
from lab_driver import Lab
from serial_console import console_text

pytestmark = pytest.mark.all
BLOCK = 4096
#: the block in which the second group begins, with a copy of the superblock
COPY = 8192


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit with something saved."""
    lab = Lab(worker_labs / "flash", kind="qemu")
    try:
        lab.up(1)
        lab.run(1, "sh", "-c", "echo '# kept' >>/etc/haproxy/haproxy.cfg; config save -m kept; sync")
        yield lab
    finally:
        lab.down()


def overwrite(unit: Lab, name: str, block: int, data: bytes) -> None:
    partition = disk_image.partitions(unit.state / "1" / "disk.img")[name]
    disk_image.Partition(partition.disk, partition.offset + block * BLOCK, partition.size - block * BLOCK).write(data)


def boot(unit: Lab) -> str:
    """What the console shows of a boot after a power cut."""
    before = len(console_text(unit, 1))
    unit.cut(1)
    return console_text(unit, 1)[before:]


def test_a_lost_superblock_is_replaced_at_the_boot(unit: Lab) -> None:
    for name in ("flash", "identity"):
        overwrite(unit, name, 0, bytes(BLOCK))
    said = boot(unit)
    for name in ("flash", "identity"):
        assert f"early: {name}: its file system is damaged, and is being repaired" in said
    assert "CANNOT BE READ" not in said and "restored generation 1" in said
    assert unit.read(1, "/etc/haproxy/haproxy.cfg").endswith("# kept\n")


def test_a_flash_that_nothing_repairs_is_said_and_left_alone_until_somebody_makes_it_anew(unit: Lab) -> None:
    for block in (0, COPY):
        overwrite(unit, "flash", block, b"\xa5" * (64 * BLOCK))
    said = boot(unit)
    assert "early: flash: IT CANNOT BE READ" in said
    command = said.partition("to make it anew, empty: ")[2].splitlines()[0]
    assert command.startswith("mke2fs ") and "# kept" not in unit.read(1, "/etc/haproxy/haproxy.cfg")
    done = unit.run(1, "config", "save", check=False)
    assert done.status == 1 and "/flash: it cannot be mounted" in done.stderr and "hint: " in done.stderr
    partition = disk_image.partitions(unit.state / "1" / "disk.img")["flash"]
    assert partition.read()[COPY * BLOCK :].startswith(b"\xa5" * BLOCK), "nobody has made it anew"
    unit.run(1, *command.split())
    unit.run(1, "config", "save", "-m", "anew")
    assert "restored generation 1" in boot(unit)
