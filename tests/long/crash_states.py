"""Every state that a power cut may leave on a disk, read as a boot reads it: crash_states.py [COUNT] [--seed N] [--subject NAME].

The product saves, rolls back and imports on a real ext4, whose writes are logged (`logged_disk`). Then each state that may be on
the disk after a power cut (`write_log`) is given to a disk in RAM, mounted, and read (`state_trial`). What was acknowledged last
has to be there, or what was under way, whole. Where the kernel does not mount it, what a boot does to repair it has to be enough.

Exit status 0 only if that held for every state. --mutant NAME does something wrong on purpose: then it must not hold. How far it
got is said as it goes; a run that is told to end (SIGTERM) says it, too.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import identity_subject
import logged_disk
import saving_subject
import shares
import slot_subject
import state_trial
import write_log
from state_trial import Report
from story import Broken, Stage
from subject import Subject

ROOT = Path(__file__).resolve().parents[2]
#: how many processes try states, for most of a mount is waiting; seconds between two words on how far they got
JOBS, OFTEN = 4, 10.0

SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "saving": saving_subject.saving,
    "identity": identity_subject.identities,
    "slots": slot_subject.slots,
    "earlier flash": saving_subject.saving_on_an_earlier_flash,
}
#: by subject, what is done wrong on purpose
MUTANTS: dict[str, Mapping[str, Callable[[], None]]] = {
    "saving": saving_subject.MUTANTS,
    "identity": identity_subject.MUTANTS,
    "slots": slot_subject.MUTANTS,
}


@dataclass(slots=True)
class Run:
    """How many states were asked for, whether all that there are were tried, in how many seconds, and what came of it."""

    asked: int
    is_complete: bool = False
    seconds: float = 0.0
    report: Report = field(default_factory=Report)

    def __str__(self) -> str:
        report, ms = self.report, self.seconds * 1000 / max(self.report.states, 1)
        return (
            f"{report.states} of {self.asked} states in {self.seconds:.0f} s ({ms:.1f} ms each): {report.repaired} repaired, "
            f"{report.lost} lost or mixed, {report.unmountable} not mountable"
        )

    def json(self) -> dict[str, Any]:
        """As others read it."""
        return {**asdict(self.report), "asked": self.asked, "is_complete": self.is_complete, "seconds": self.seconds}


def run(
    count: int, *, seed: int = 1, name: str = "saving", mutant: str = "",
    jobs: int = JOBS, often: float = OFTEN, tell: Callable[[Run], None] = lambda run: None,
) -> Run:  # fmt: skip
    """The whole of it, below a directory in RAM that goes away; `tell` how far it got. Told to end, it returns what there is."""
    begun = Run(count)
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="crash-states-") as place:
        top = Path(place)
        logged_disk.hide_mounts()
        if mutant:
            MUTANTS[name][mutant]()
        subject = SUBJECTS[name](top / "node")
        logged = state_trial.record(subject, top)
        began, told = time.monotonic(), time.monotonic()

        def work(number: int, say: Callable[[Report], None]) -> Report:
            states = write_log.states(logged.epochs, count, seed, share=(number, jobs))
            return state_trial.try_states(subject, logged, top, states, say)

        try:
            for reports in shares.reports(jobs, top, work):
                begun.seconds, begun.report = round(time.monotonic() - began, 1), Report()
                for report in reports:
                    begun.report.add(report)
                if time.monotonic() - told > often:
                    told = time.monotonic()
                    tell(begun)
            begun.is_complete = True
        except KeyboardInterrupt:
            pass
    return begun


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """For the soak, in processes of their own, one for each thing that has to survive: so many states of saving, and as many of the
    others as there are, up to a tenth. Figures by subject; Broken with what was wrong."""
    counts = {"saving": count, "identity": count // 10, "slots": count // 10}
    return {name: _play(name, some, seed, tell) for name, some in counts.items() if some}


def _play(name: str, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    argv = [sys.executable, __file__, str(count), "--seed", str(seed), "--subject", name]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        assert process.stdout and process.stderr
        said = [line.rstrip() for line in process.stderr if not tell(f"{name}: {line.rstrip()}")]
        text = process.stdout.read()
    if process.returncode and not text:
        raise Broken("\n".join(said))
    figures: dict[str, Any] = json.loads(text)
    if process.returncode:
        raise Broken("; ".join([name, *said[-1:], *figures["words"]]))
    return figures


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _end(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was tried as JSON, and on standard error how far it got."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subject", choices=SUBJECTS, default="saving")
    parser.add_argument(
        "--mutant", default="", help="; ".join(f"{name}: {', '.join(found)}" for name, found in MUTANTS.items())
    )
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--often", type=float, default=OFTEN, help="seconds between two words on how far it got")
    chosen = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _end)
    done = run(
        chosen.count, seed=chosen.seed, name=chosen.subject, mutant=chosen.mutant, jobs=chosen.jobs,
        often=chosen.often, tell=lambda running: print(running, file=sys.stderr, flush=True),
    )  # fmt: skip
    print(done, file=sys.stderr, flush=True)
    print(json.dumps(done.json(), indent=2))
    return 0 if done.is_complete and done.report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
