"""The bars of digests of trees and files, against xxhsum of the same: on this machine, in memory, without a node."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench_row import Row, alternating, bounded, limited

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from firmware import directory, manifest, native  # noqa: E402

#: in memory: the disk is not measured
PLACE = Path("/dev/shm")
FILE_SIZE, FILES_IN_DIRECTORY = 4096, 100
LARGE = 1 << 30
PIPELINE = "find {} -type f -print0 | xargs -0 xxhsum -H2 >/dev/null"
#: a scan in a process of its own, which says the most memory that it had beyond what it had before
PEAK = (
    "import os,resource,sys; sys.path.insert(0, sys.argv[1]); from firmware import native\n"
    "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "for _ in native.scan_tree(os.open(sys.argv[2], os.O_RDONLY), '/etc/'): pass\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)

Measure = Callable[[], float]


def processor_time() -> float:
    """Seconds of this process with its threads, and of those that it has waited for."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def cost(work: Callable[[], object], clock: Measure) -> Measure:
    """What that clock says of the work."""

    def measure() -> float:
        began = clock()
        work()
        return clock() - began

    return measure


def make_tree(top: Path, count: int) -> Path:
    """So many files of 4 KiB, all different, a hundred in a directory."""
    for number in range(count):
        place = top / str(number // FILES_IN_DIRECTORY)
        if number % FILES_IN_DIRECTORY == 0:
            place.mkdir(parents=True)
        (place / f"file{number}").write_bytes(os.urandom(FILE_SIZE))
    return top


def scan(top: Path) -> None:
    """The whole tree, as a table of rows."""
    with directory.descriptor(top) as handle:
        for _ in native.scan_tree(handle, f"{top}/"):
            pass


def shell(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True)


def read_whole(path: Path) -> None:
    """Read it, and do nothing with it."""
    buffer = bytearray(1 << 18)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def hash_file(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        native.file_digest(file.fileno())


def trees(place: Path) -> Iterator[Row]:
    """Trees of 10,000 and 100,000 files, and of 4,000 and 1,000."""
    small = make_tree(place / "small", 10_000)
    pipeline = PIPELINE.format(small)
    for name, clock, most in (("processor time", processor_time, 0.6), ("time", time.perf_counter, 0.5)):
        ours, theirs = alternating(cost(lambda: scan(small), clock), cost(lambda: shell(pipeline), clock))
        yield bounded(f"10,000 files of 4 KiB, {name}, against find | xxhsum -H2 (s)", ours, theirs, most)
    ours, theirs = alternating(
        cost(lambda: manifest.scan(small), processor_time), cost(lambda: shell(pipeline), processor_time)
    )
    yield bounded("the same as Python's entries, processor time (s)", ours, theirs, 1)
    large = make_tree(place / "large", 100_000)
    ours, theirs = alternating(cost(lambda: scan(large), processor_time), cost(lambda: scan(small), processor_time))
    yield bounded("100,000 files against 10,000, processor time per file (s)", ours / 100_000, theirs / 10_000, 1.3)
    peak = subprocess.run([sys.executable, "-c", PEAK, ROOT, large], check=True, capture_output=True, text=True)
    yield limited("100,000 files, most memory of the process (MB)", int(peak.stdout) / 1024, 64, "MB")
    many, few = make_tree(place / "many", 4000), make_tree(place / "few", 1000)
    ours, theirs = alternating(cost(lambda: scan(many), processor_time), cost(lambda: scan(few), processor_time))
    yield bounded("4,000 files against 1,000, processor time (s)", ours, theirs, 4.4)


def large_file(place: Path) -> Iterator[Row]:
    """One file of 1 GiB."""
    path = place / "file"
    with path.open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    command = f"xxhsum -H2 {path} >/dev/null"
    ours, theirs = alternating(
        cost(lambda: hash_file(path), time.perf_counter), cost(lambda: shell(command), time.perf_counter)
    )
    yield bounded("1 GiB, against xxhsum -H2 (s)", ours, theirs, 1)
    ours, theirs = alternating(
        cost(lambda: hash_file(path), time.perf_counter), cost(lambda: read_whole(path), time.perf_counter)
    )
    yield bounded("1 GiB, against reading it (s)", ours, theirs, 1.5)


def rows() -> Iterator[Row]:
    """All of them."""
    place = PLACE / f"csyncd-bench-{os.getpid()}"
    try:
        place.mkdir()
        yield from trees(place)
        yield from large_file(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
