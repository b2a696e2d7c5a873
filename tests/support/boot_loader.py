"""The boot loader alone, in a small machine: a disk with its script, two slots that only say that they were started, and a record.
It takes half a second to say which slot it starts."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from disk_image import Partition, partitions

from firmware.upgrade import record_partition
from firmware.upgrade.slot_record import SlotRecord

PROJECT = Path(__file__).resolve().parents[2]
BOARD, QUICK = PROJECT / "buildroot/board", PROJECT / "tests/quick_image"
_SLOT = 'echo "STARTED $slot [$trial]"\nreboot\n'
_LAYOUT = """
image boot.ext2 {
	ext2 { use-mke2fs = true }
	size = 1M
	mountpoint = "/boot"
}
image disk.img {
	hdimage {
		partition-table-type = "gpt"
		align = 1M
	}
	partition mbr {
		in-partition-table = false
		offset = 0
		image = "mbr.img"
		holes = {"(440; 1M)"}
	}
"""
_PARTS = {
    "grub": "core.img", "boot": "boot.ext2", "slot-a": "slot.squashfs", "slot-b": "slot.squashfs", "flash": "empty",
    "identity": "empty", "record": "record.img",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BootLoader:
    """A disk below `home`, and who boots it."""

    home: Path

    @property
    def disk(self) -> Path:
        """The disk."""
        return self.home / "disk.img"

    @property
    def record(self) -> Partition:
        """The partition of the record."""
        return partitions(self.disk)["record"]

    def write_record(self, record: SlotRecord) -> None:
        """Put a record on the disk as on a new one."""
        self.record.write(record_partition.image(record))

    def read_record(self) -> SlotRecord:
        """The record that is there."""
        (self.home / "found.img").write_bytes(self.record.read())
        return record_partition.read(self.home / "found.img").record

    def start(self, *, writable: bool = True) -> str:
        """What it starts: the slot and, in brackets, what it tells that of its trial; "" for none."""
        drive = f"file={self.disk},if=virtio,format=raw,readonly={'off' if writable else 'on'}"
        argv = ["qemu-system-x86_64", "-M", "pc", "-m", "64", "-nodefaults", "-no-user-config", "-display", "none"]
        argv += ["-serial", "stdio", "-no-reboot", "-drive", drive]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=60)
        assert done.returncode == 0, done.stderr
        (self.home / "said.txt").write_text(done.stdout)
        found = re.findall(r"STARTED (\S+ \[.*?\])", done.stdout)
        return found[-1] if found else ""


def make(home: Path) -> BootLoader:
    """A disk with the boot loader as it is built for units."""
    for directory in ("slot/boot", "root/boot/boot/grub"):
        (home / directory).mkdir(parents=True)
    (home / "slot/boot/slot.cfg").write_text(_SLOT)
    (home / "empty").write_bytes(bytes(4096))
    (home / "record.img").write_bytes(bytes(record_partition.SIZE))
    shutil.copy(BOARD / "grub.cfg", home / "root/boot/boot/grub/grub.cfg")
    _run("mksquashfs", home / "slot", home / "slot.squashfs", "-quiet", "-no-progress")
    _run(QUICK / "make-grub-image", home)
    _run(BOARD / "make-grub", home)
    parts = "".join(f'\tpartition {name} {{\n\t\timage = "{file}"\n\t}}\n' for name, file in _PARTS.items())
    (home / "layout.cfg").write_text(f"{_LAYOUT}{parts}}}\n")
    paths = ["--rootpath", home / "root", "--tmppath", home / "tmp", "--inputpath", home, "--outputpath", home]
    _run("genimage", "--config", home / "layout.cfg", *paths)
    return BootLoader(home)


def _run(*argv: str | Path) -> None:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
