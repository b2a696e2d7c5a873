"""The disk image under test, from outside: its partitions, what a slot holds, the boot loader's record."""

import os
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from firmware.upgrade import record_partition
from firmware.upgrade.slot_record import SlotRecord

PROJECT = Path(__file__).resolve().parents[2]
IMAGE = Path(os.environ.get("IMAGE") or PROJECT / "build" / "image" / "disk.img")
SLOTS = ("slot-a", "slot-b")
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of a disk in a file."""

    disk: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """All of it."""
        with self.disk.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def write(self, data: bytes) -> None:
        """Overwrite its beginning; a unit that does not look at it just now may be running."""
        assert len(data) <= self.size
        with self.disk.open("r+b") as file:
            file.seek(self.offset)
            file.write(data)


def partitions(disk: Path = IMAGE) -> dict[str, Partition]:
    """What its GPT says, by name."""
    with disk.open("rb") as file:
        file.seek(_SECTOR)
        header = file.read(_SECTOR)
        assert header.startswith(b"EFI PART"), f"{disk}: no GPT"
        table, count, size = struct.unpack_from("<QII", header, 72)
        file.seek(table * _SECTOR)
        entries = [file.read(size) for _ in range(count)]
    found = {}
    for entry in entries:
        first, last = struct.unpack_from("<QQ", entry, 32)
        if any(entry[:16]):
            name = entry[56:128].decode("utf-16-le").rstrip("\0")
            found[name] = Partition(disk, first * _SECTOR, (last + 1 - first) * _SECTOR)
    return found


def record(disk: Path) -> SlotRecord:
    """The record from which the boot loader chooses a slot."""
    with tempfile.NamedTemporaryFile() as copy:
        Path(copy.name).write_bytes(partitions(disk)["record"].read())
        return record_partition.read(Path(copy.name)).record


def write_record(disk: Path, new: SlotRecord) -> None:
    """Put another one in its place, whatever the unit does."""
    partitions(disk)["record"].write(record_partition.image(new))


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in a slot: `mode` as ls shows it."""

    mode: str
    owner: str
    path: str


def listing(slot: str) -> list[Entry]:
    """Everything in a slot of the image under test."""
    offset = partitions()[slot].offset
    lines = [line.split(maxsplit=5) for line in _run("unsquashfs", "-o", str(offset), "-lln", str(IMAGE)).splitlines()]
    return [Entry(words[0], words[1], words[5].removeprefix("squashfs-root")) for words in lines if len(words) == 6]


def size(slot: str, disk: Path = IMAGE) -> int:
    """Bytes that the squashfs in a slot takes (its superblock's bytes_used)."""
    magic, used = struct.unpack_from("<4s36xQ", partitions(disk)[slot].read())
    assert magic == b"hsqs", f"{slot}: no squashfs"
    return int(used)


def unpack(slot: str, place: Path, *names: str, disk: Path = IMAGE) -> None:
    """Unpack these paths of a slot into a directory that is not there yet."""
    offset = str(partitions(disk)[slot].offset)
    _run("unsquashfs", "-quiet", "-no-progress", "-o", offset, "-d", str(place), str(disk), *names)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True)
    assert not done.returncode, f"{argv}: {done.stderr}"
    return done.stdout
