"""Every state that a power cut may leave on the flash, mounted and read as a boot reads it: crash_states.py [COUNT] [--seed N].

The product saves, rolls back and imports on a real ext4, whose writes are logged (`logged_disk`). Then each state that may be on
the disk after a power cut (`write_log`) is given to a disk in RAM, mounted, and read. What was acknowledged last has to be there,
or what was under way, whole. Where the kernel does not mount it, what a boot does to repair it has to be enough.

Exit status 0 only if that held for every state. --mutant NAME does something wrong on purpose: then it must not hold.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import logged_disk
import saving_subject
import write_log
from logged_disk import TriedDisk
from saving_subject import Found, Subject
from story import Broken, Stage
from write_log import Epoch, State

ROOT = Path(__file__).resolve().parents[2]
MAKE_WHOLE = ROOT / "overlay/usr/libexec/appliance/make-whole"
LAYOUT = ROOT / "buildroot/board/genimage.cfg"
SIZE = 64 << 20
#: after how many states the whole disk is looked at, and after how many a boot's repair is done though nothing asks for it
LOOK, REPAIR = 128, 500
MOST_WORDS = 10


@dataclass(slots=True)
class Report:
    """What was tried: states by kind, how many had to be repaired before they could be mounted, and what was wrong."""

    states: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    lost: int = 0
    unmountable: int = 0
    seconds: float = 0.0
    words: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Was everything there, in every state?"""
        return self.states > 0 and not self.lost and not self.unmountable

    def complain(self, words: str) -> None:
        """Note what was wrong, as long as anybody would read it."""
        self.words += [words] * (len(self.words) < MOST_WORDS)


@dataclass(frozen=True, slots=True)
class Record:
    """What was logged: the disk before, the epochs of writes, and how far the log was when each step was acknowledged."""

    content: bytes
    epochs: Sequence[Epoch]
    found: Sequence[Found]
    acknowledged: Sequence[int]

    def allowed(self, epoch: int) -> tuple[Found, Found]:
        """What may be found when power fails before the flush after an epoch is done: what the last step that was acknowledged by
        then made, or the one after it."""
        count = sum(place < self.epochs[epoch].end for place in self.acknowledged)
        return self.found[count], self.found[min(count + 1, len(self.found) - 1)]


def make_flash(path: Path, layout: Path = LAYOUT) -> None:
    """A file system as a unit's flash has it."""
    words = re.search(r'label = "flash"[^}]*?extraargs = "([^"]*)"', layout.read_text(), re.DOTALL)
    assert words is not None
    with path.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "flash", *words[1].split(), str(path)], check=True)


def record(make: Callable[[Path], Subject], top: Path) -> tuple[Subject, Record]:
    """Have the subject do its steps, each with a mount of its own, as the product mounts the flash."""
    image, place = top / "flash", top / "mounted"
    place.mkdir()
    make_flash(image)
    subject = make(top / "node")
    with logged_disk.loop_device(image) as device, logged_disk.mounted(device, place, write=True):
        found = [subject.steps[0](place)]
    content, acknowledged = image.read_bytes(), []
    with logged_disk.logged(image, top) as disk:
        for step in subject.steps[1:]:
            with logged_disk.mounted(disk.device, place, write=True):
                found.append(step(place))
                acknowledged.append(disk.log_size)
    epochs = write_log.read(disk.log)
    assert write_log.replay(content, epochs) == image.read_bytes(), "the log does not tell of every write"
    return subject, Record(content, epochs, found, acknowledged)


def try_all(subject: Subject, logged: Record, top: Path, count: int, seed: int) -> Report:
    """Try `count` states, epoch by epoch."""
    report, began = Report(), time.monotonic()
    file, place = top / "tried", top / "mounted"
    file.write_bytes(logged.content)
    touched = sorted({sector for epoch in logged.epochs for write in epoch.writes for sector, _ in write})
    with logged_disk.loop_device(file) as device:
        disk = TriedDisk(file, device, logged.content, touched)
        epoch = 0
        for state in write_log.states(logged.epochs, count, seed):
            for number in range(epoch, state.epoch):
                disk.settle({sector: data for write in logged.epochs[number].writes for sector, data in write})
            epoch = state.epoch
            _try_state(subject, logged, state, disk, place, report)
        disk.close()
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _try_state(subject: Subject, logged: Record, state: State, disk: TriedDisk, place: Path, report: Report) -> None:
    report.states += 1
    report.kinds[state.kind] = report.kinds.get(state.kind, 0) + 1
    disk.show(state.sectors)
    if report.states % REPAIR == 0:
        _make_whole(disk, place)
    try:
        found = _read(subject, disk, place)
    except OSError:
        report.repaired += 1
        _make_whole(disk, place)
        try:
            found = _read(subject, disk, place)
        except OSError as error:
            report.unmountable += 1
            report.complain(f"{_name(state)}: {error}")
            return
        finally:
            disk.put_back()
    if report.states % LOOK == 0 or report.states % REPAIR == 0:
        disk.put_back()
    problem = difference(found, *logged.allowed(state.epoch))
    if problem:
        report.lost += 1
        report.complain(f"{_name(state)}: {problem}")


def _read(subject: Subject, disk: TriedDisk, place: Path) -> Found:
    with logged_disk.mounted(disk.device, place):
        return subject.read(place)


def _make_whole(disk: TriedDisk, place: Path) -> None:
    """As a boot does."""
    argv = ["sh", str(MAKE_WHOLE), str(disk.device), str(place)]
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def difference(found: Found, acknowledged: Found, under_way: Found) -> str:
    """What is neither as it was acknowledged nor as the next step makes it, in words; "" if all is well."""
    for part in acknowledged:
        if found.get(part) not in (acknowledged[part], under_way[part]):
            return f"{part}: {found.get(part)!r:.300}, not {acknowledged[part]!r:.300}"
    return ""


def _name(state: State) -> str:
    return f"epoch {state.epoch}, {state.kind}, {len(state.sectors)} sectors"


def run(
    count: int, *, seed: int = 1, mutant: str = "", make: Callable[[Path], Subject] = saving_subject.saving
) -> Report:
    """The whole of it, below a directory in RAM that goes away."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="crash-states-") as name:
        top = Path(name)
        logged_disk.hide_mounts()
        if mutant:
            saving_subject.MUTANTS[mutant]()
        return try_all(*record(make, top), top, count, seed)


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """For the soak, in a process of its own; Broken with what was wrong."""
    argv = [sys.executable, __file__, str(count), "--seed", str(seed)]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    if done.returncode and not done.stdout:
        raise Broken(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    tell(f"{figures['states']} states, {figures['repaired']} of them repaired")
    if done.returncode:
        raise Broken("; ".join(figures["words"]))
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was tried as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(saving_subject.MUTANTS), default="")
    chosen = parser.parse_args(argv)
    report = run(chosen.count, seed=chosen.seed, mutant=chosen.mutant)
    print(json.dumps(asdict(report), indent=2))
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
