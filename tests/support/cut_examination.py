"""What can be said of a disk that a power cut left without giving power to a unit: which slot the boot loader starts from its record
(the real one, in a small machine), that this slot is whole, and that what was saved is on its flash. It takes a few seconds."""

import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import boot_loader
import disk_image
from boot_loader import BootLoader
from cut_disks import CutDisk
from disk_image import Partition


class Damaged(Exception):
    """A unit would not come back with this disk as it should."""


@dataclass(frozen=True, slots=True)
class Examiner:
    """A boot loader; the images that a slot may hold, with their lengths in bytes; and the saved configurations, by name and
    digest."""

    loader: BootLoader
    images: dict[str, int]
    saved: dict[str, str]

    @classmethod
    def prepare(cls, place: Path, images: list[Path], disk: Path) -> "Examiner":
        """One that knows these images, and what is saved on the disk."""
        known = {_digest(image.read_bytes()): image.stat().st_size for image in images}
        return cls(boot_loader.make(place / "loader"), known, _saved(disk_image.partitions(disk)["flash"]))

    def slot(self, cut: CutDisk) -> str:
        """The slot that a unit with this disk starts. Damaged if it would not work."""
        partitions = disk_image.partitions(cut.disk)
        self.loader.record.write(partitions["record"].read())
        started = self.loader.start()
        if not re.fullmatch(r"(a|b) \[(trial=\d)?\]", started):
            raise Damaged(f"the boot loader starts {started!r}")
        content = partitions[f"slot-{started[0]}"].read()
        if not any(_digest(content[:size]) == digest for digest, size in self.images.items()):
            raise Damaged(f"the boot loader starts {started!r}, and that slot is not whole")
        if (found := _saved(partitions["flash"])) != self.saved:
            raise Damaged(f"saved are {found}, not {self.saved}")
        return started[0]


def _saved(flash: Partition) -> dict[str, str]:
    """The saved configurations, after what a boot does to a flash."""
    with tempfile.TemporaryDirectory() as name:
        copy, place = Path(name) / "flash", Path(name) / "files"
        copy.write_bytes(flash.read())
        place.mkdir()
        done = subprocess.run(["e2fsck", "-p", copy], capture_output=True, text=True)
        if done.returncode > 1:
            raise Damaged(f"e2fsck: {done.stdout}{done.stderr}")
        subprocess.run(["debugfs", "-R", f"rdump config {place}", copy], capture_output=True, check=True)
        files = [path for path in (place / "config").glob("*") if path.name != "journal"]
        return {path.name: _digest(path.read_bytes()) for path in files}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
