"""What power cuts leave behind: copies of a virtual unit's disk, taken at moments chosen by lot while the unit stands still. They hold
what a cut in that moment leaves: what the unit has written, and nothing that it has only in memory."""

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from lab_driver import Lab

sys.path.append(str(Path(__file__).resolve().parents[1] / "lab"))
import qmp
from machine import Machine


@dataclass(frozen=True, slots=True)
class CutDisk:
    """A disk, in which step the power was cut, and how many seconds after that had begun. The time for which the unit stood still
    is not counted."""

    step: str
    seconds: float
    disk: Path

    def digest(self) -> str:
        """The same for disks that hold the same."""
        with self.disk.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def start(self, unit: Lab) -> None:
        """Power unit 1 off, and on again with this disk."""
        self.disk.rename(unit.state / "1" / "disk.img")
        unit.cut(1)


@dataclass(slots=True)
class Sample:
    """At most `most` of the moments that a step goes through, each of them as likely as any other, however many there are."""

    step: str
    most: int
    dice: Random
    moments: int = 0
    found: dict[int, CutDisk] = field(default_factory=dict)

    def take(self, home: Path, place: Path, seconds: float) -> bool:
        """This moment, perhaps. Returns whether a copy was made, for which the unit whose directory is `home` stood still."""
        self.moments += 1
        index = len(self.found) if len(self.found) < self.most else self.dice.randrange(self.moments)
        if index >= self.most:
            return False
        disk = place / f"{self.step.replace(' ', '-')}-{index}.img"
        copy_disk(home, disk)
        self.found[index] = CutDisk(self.step, round(seconds, 1), disk)
        return True


def copy_disk(home: Path, disk: Path) -> None:
    """The disk of a unit that runs, as it is in one moment."""
    qmp.ask(home / "qmp", qmp.command("stop"))
    try:
        Machine.copy_disk(home / "disk.img", disk)
    finally:
        qmp.ask(home / "qmp", qmp.command("cont"))


def sample_while(
    step: Callable[[], str], home: Path, place: Path, samples: dict[str, Sample], pause: dict[str, float]
) -> None:
    """Take samples of unit 1 until `step` says "", which tells in which step it is; between two of them pass `pause` seconds on
    the average, by lot."""
    now, began, stood = "", time.monotonic(), 0.0
    while following := step():
        if following != now:
            now, began, stood = following, time.monotonic(), 0.0
        before = time.monotonic()
        if samples[now].take(home, place, before - began - stood):
            stood += time.monotonic() - before
        time.sleep(samples[now].dice.uniform(0, 2 * pause[now]))
