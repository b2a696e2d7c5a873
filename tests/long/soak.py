"""Plays the long runs one after the other, most of them on two paired nodes of their own, and prints a table; `build/soak.json` has
the same with all figures for programs.

A run is a module with `play(stage, count, seed, tell)`, which returns figures, or raises Broken if something did not hold. The
seed is printed, and can be given again. Exit status 0 only if everything held.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))
sys.path.append(str(Path(__file__).resolve().parents[2]))

import story
from lab_driver import Failed, Lab
from story import Broken, Stage

BUILD = Path(__file__).parents[2] / "build"
#: module → how often
RUNS = {
    "endurance": 1_000,
    "interruptions": 500,
    "hostile_traffic": 50_000,
    "power_cuts": 50,
    "crash_states": 100_000,
    "upgrade_cuts": 40,
    "upgrades": 30,
}
#: those that are played on virtual units
VIRTUAL = ("power_cuts", "upgrade_cuts", "upgrades")
#: those that need one node alone
ALONE = ("upgrade_cuts", "upgrades")
#: those that need no nodes
WITHOUT_NODES = ("crash_states",)


@dataclass(frozen=True)
class Row:
    """One run: its count and seed, how many seconds it took, whether it held and else why not, and its figures."""

    name: str
    count: int
    seed: int
    seconds: float
    ok: bool
    words: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{'ok ' if self.ok else 'NO '} {self.count:6} {self.seconds:8.1f} s  {self.name:<15} {self.words}".rstrip()
        )


def run(name: str, count: int, seed: int, lab: Lab) -> Row:
    """Play one run on nodes of its own."""
    began, stage = time.monotonic(), Stage(lab, tell=lambda text: None)
    words, figures = "", {}
    try:
        if name in ALONE:
            lab.up(1)
        elif name not in WITHOUT_NODES:
            lab.up(2)
            story.pair(stage)
        figures = import_module(name).play(stage, count, seed, lambda text: print(f"    {text}", flush=True))
    except (Broken, Failed, subprocess.TimeoutExpired) as error:
        words = str(error)
    finally:
        lab.down()
    return Row(name, count, seed, round(time.monotonic() - began, 1), not words, words, figures)


def _lab(build: Path, name: str) -> Lab:
    return Lab(build / f"soak-{name}", "qemu" if name in VIRTUAL else "lab")


def main(argv: list[str] | None = None, *, build: Path = BUILD) -> int:
    """Play all, or those that are named; print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="NAME[=COUNT]", help=f"of {', '.join(RUNS)}; all if none is named")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    given = parser.parse_args(argv)
    named = [word.partition("=") for word in given.runs or RUNS]
    rows = []
    for name, _, count in named:
        print(f"{name}: seed {given.seed}", flush=True)
        rows.append(run(name, int(count or RUNS[name]), given.seed, _lab(build, name)))
        # After each: should somebody end it, what has been done is known.
        (build / "soak.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(*rows, sep="\n")
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
