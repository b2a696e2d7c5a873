"""A subject on a disk whose writes are logged; then each state that may be on the disk after a power cut, read as a boot reads it.

The states are tried by several processes at once, each with a disk of its own: most of what a mount takes is waiting.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import logged_disk
import write_log
from logged_disk import TriedDisk
from subject import Disk, Found, Subject
from write_log import Epoch, State

MAKE_WHOLE = Path(__file__).resolve().parents[2] / "overlay/usr/libexec/appliance/make-whole"
#: after how many states a boot's repair is done though nothing asks for it
REPAIR = 500
#: seconds between two words on how far it got
OFTEN = 1.0
MOST_WORDS = 10


@dataclass(slots=True)
class Report:
    """What was tried: states by kind, how many had to be repaired before they could be mounted, and what was wrong."""

    states: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    lost: int = 0
    unmountable: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Was everything there, in every state?"""
        return self.states > 0 and not self.lost and not self.unmountable

    def complain(self, words: str) -> None:
        """Note what was wrong, as long as anybody would read it."""
        self.words += [words] * (len(self.words) < MOST_WORDS)

    def add(self, other: "Report") -> None:
        """Count what somebody else has tried, too."""
        self.states += other.states
        for kind, count in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        self.repaired += other.repaired
        self.lost += other.lost
        self.unmountable += other.unmountable
        for words in other.words:
            self.complain(words)


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


def record(subject: Subject, top: Path) -> Record:
    """Have the subject do its steps, each with a mount of its own, as the product mounts the flash."""
    image, place = top / "disk", top / "mounted"
    place.mkdir()
    subject.disk.make(image)
    with logged_disk.loop_device(image) as device, reachable(subject.disk, device, place, write=True) as at:
        found = [subject.steps[0](at)]
    content, acknowledged = image.read_bytes(), []
    with logged_disk.logged(image, top) as disk:
        for step in subject.steps[1:]:
            with reachable(subject.disk, disk.device, place, write=True) as at:
                found.append(step(at))
                acknowledged.append(disk.log_size)
    epochs = write_log.read(disk.log)
    assert write_log.replay(content, epochs) == image.read_bytes(), "the log does not tell of every write"
    image.unlink()
    return Record(content, epochs, found, acknowledged)


@contextmanager
def reachable(disk: Disk, device: Path, place: Path, *, write: bool = False) -> Iterator[Path]:
    """What is on a device: where it is mounted, or the device itself; OSError if it cannot be mounted."""
    if disk.options is None:
        yield device
    else:
        with logged_disk.mounted(device, place, write=write):
            yield place


def try_states(
    subject: Subject, logged: Record, top: Path, states: Iterator[State], tell: Callable[[Report], None]
) -> Report:
    """Try states, which come epoch by epoch; `tell` what there is to say every second."""
    report, told = Report(), time.monotonic()
    file = top / "tried"
    logged_disk.write_sparsely(file, logged.content)
    touched = {sector for epoch in logged.epochs for write in epoch.writes for sector, _ in write}
    with logged_disk.loop_device(file) as device:
        trial = _Trial(subject, logged, TriedDisk(file, device, logged.content, touched), top / "mounted", report)
        epoch = 0
        for state in states:
            for number in range(epoch, state.epoch):
                trial.disk.settle({sector: data for write in logged.epochs[number].writes for sector, data in write})
            epoch = state.epoch
            trial.attempt(state)
            if time.monotonic() - told > OFTEN:
                told = time.monotonic()
                tell(report)
        trial.disk.close()
    return report


@dataclass(frozen=True, slots=True)
class _Trial:
    subject: Subject
    logged: Record
    disk: TriedDisk
    place: Path
    report: Report

    def attempt(self, state: State) -> None:
        """Put a state on the disk, and see what a boot makes of it."""
        report = self.report
        report.states += 1
        report.kinds[state.kind] = report.kinds.get(state.kind, 0) + 1
        self.disk.show(state.sectors)
        if report.states % REPAIR == 0:
            self._make_whole()
        found = self._read_repaired(state)
        self.disk.put_back()
        problem = "" if found is None else difference(found, *self.logged.allowed(state.epoch))
        if problem:
            report.lost += 1
            report.complain(f"{_name(state)}: {problem}")

    def _read_repaired(self, state: State) -> Found | None:
        """What is found, once it is repaired if need be; None, and the report says so, if that does not help."""
        try:
            return self._read()
        except OSError:
            self.report.repaired += 1
            self._make_whole()
            try:
                return self._read()
            except OSError as error:
                self.report.unmountable += 1
                self.report.complain(f"{_name(state)}: {error}")
                return None

    def _read(self) -> Found:
        with reachable(self.subject.disk, self.disk.device, self.place) as at:
            return self.subject.read(at)

    def _make_whole(self) -> None:
        """As a boot does."""
        if self.subject.disk.options is not None:
            argv = ["sh", str(MAKE_WHOLE), str(self.disk.device), str(self.place)]
            subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def difference(found: Found, acknowledged: Found, under_way: Found) -> str:
    """What is neither as it was acknowledged nor as the next step makes it, in words; "" if all is well."""
    for part in acknowledged:
        if found.get(part) not in (acknowledged[part], under_way[part]):
            return f"{part}: {found.get(part)!r:.300}, not {acknowledged[part]!r:.300}"
    return ""


def _name(state: State) -> str:
    return f"epoch {state.epoch}, {state.kind}, {len(state.sectors)} sectors"
