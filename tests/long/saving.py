"""What a save costs beside tar: `python3 saving.py TOP RUNS [LINES]` saves below TOP and prints both medians, in seconds.

TOP holds etc, factory, flash and run; / is a node itself. A thousand files of some 4 KB, as certificates and maps are, or of so many
lines of some 22 bytes, lie below etc/haproxy, and before each save one of them changes. Beside it, tar writes the same etc to a file on the same flash, and that is
synced. The interpreter has been started before: that is measured elsewhere.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from firmware.store import generations
from firmware.store.paths import Paths

FILES, LINES = 1000, 170


def fill(etc: Path, files: int = FILES, lines: int = LINES) -> Path:
    """Make the files; returns the directory that they lie in."""
    top = etc / "haproxy/bench"
    for number in range(files):
        place = top / f"{number // 50:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:05}.map").write_text(f"host{number} backend{number}\n" * lines)
    return top


def medians(paths: Paths, runs: int, lines: int = LINES) -> tuple[float, float]:
    """Seconds that a save takes, and tar with a sync, in turn."""
    top = fill(paths.etc, lines=lines)
    archive = paths.flash / "bench.tar"
    command = ["sh", "-ec", 'tar -C "$1" -cf "$0" etc; sync "$0"', str(archive), str(paths.etc.parent)]
    ours, theirs = [], []
    try:
        for number in range(runs + 1):
            (top / "000/00000.map").write_text(f"run {number}\n" * lines)
            began = time.perf_counter()
            generations.save("bench", who="bench", paths=paths)
            between = time.perf_counter()
            subprocess.run(command, check=True)
            ours.append(between - began)
            theirs.append(time.perf_counter() - between)
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(top)
    # The first one loads what it needs.
    return statistics.median(ours[1:]), statistics.median(theirs[1:])


if __name__ == "__main__":
    place, counts = Path(sys.argv[1]), [int(word) for word in sys.argv[2:]]
    if place == Path("/"):
        print(*medians(Paths(), *counts))
    else:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as run:  # as /run, it lies in RAM
            print(*medians(Paths(place / "etc", place / "factory", place / "flash", Path(run)), *counts))
