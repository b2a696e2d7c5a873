"""Power cuts in every step of an upgrade, on a virtual unit: while the other slot is written, while the record is switched, in the
first boot, and while the new slot is confirmed.

One upgrade goes through; at moments chosen by lot its disk is copied (cut_disks.py). All of the copies are examined
(cut_examination.py). With some of them units get power, by `nodes cut`, two at a time: each has to come back by itself, in one of the
two slots, with what was saved, and to prove itself; and where that is the old slot, a second attempt has to work.
"""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from queue import Queue
from typing import Any

import disk_image
import unit_slots
from cut_disks import CutDisk, Sample, sample_while
from cut_examination import Damaged, Examiner
from lab_driver import Failed, Lab
from story import Broken, Stage

STEPS = ("write", "switch", "first boot", "confirmation")
VERSION = "9.9.9"
SAVED = "192.0.2.77 kept"
#: how many cuts are examined for each that a unit is tried with
EXAMINED = 3
#: seconds between two moments, on the average: so that each step has some more than are needed
PAUSES = {"write": 0.3, "switch": 0.1, "first boot": 0.6, "confirmation": 0.3}
#: seconds after the slot is proved in the record that still belong to its confirmation: it is noted
NOTED = 4.0


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Cut the power that many times, in each step as often, and examine some more. Broken if a unit does not come back as it
    should."""
    dice, each = random.Random(seed), -(-count // len(STEPS))
    with tempfile.TemporaryDirectory(dir=stage.lab.state.parent, prefix="cuts-") as name:
        place = Path(name)
        bundle = unit_slots.other_bundle(VERSION, place / "bundle")
        cuts = cuts_in_an_upgrade(stage, bundle, place, EXAMINED * each, dice)
        examined = examine(cuts, place, [disk_image.IMAGE.parent / "slot.squashfs", place / "bundle/slot.squashfs"])
        tell(f"examined: {dict(examined)}")
        trials = different(cuts[:count])
        tell(f"{count} of them leave {len(trials)} disks that differ")
        took = _try_all(stage, bundle, trials, tell)
    figures = Counter[str]()
    for trial, (slot, _) in zip(trials, took, strict=True):
        figures.update({f"{step}: slot {slot}": number for step, number in trial.steps.items()})
    seconds = sorted(round(each, 1) for _, each in took)
    return {"cuts": dict(figures), "examined": dict(examined), "disks that differ": len(trials), "boots (s)": seconds}


def examine(cuts: Sequence[CutDisk], place: Path, images: list[Path]) -> Counter[str]:
    """Examine what all of the cuts leave; returns how many of each step lead to which slot. Broken if one leads to none. What is
    saved has to be what the first one has."""
    examiner, found = Examiner.prepare(place, images, cuts[0].disk), Counter[str]()
    for cut in cuts:
        try:
            found[f"{cut.step}: slot {examiner.slot(cut)}"] += 1
        except Damaged as error:
            raise Broken(f"{cut.step} at {cut.seconds} s: {error}") from None
    return found


def _try_all(
    stage: Stage, bundle: Path, trials: Sequence["Trial"], tell: Callable[[str], None]
) -> list[tuple[str, float]]:
    """Try each disk, on two units; returns which slot each has booted, and after how many seconds."""
    second = Lab(stage.lab.state.with_name(f"{stage.lab.state.name}-second"), stage.lab.kind)
    benches = Queue[Bench]()
    try:
        second.up(1)
        for unit in (stage.lab, second):
            benches.put(Bench(Stage(unit, tell), bundle))
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(partial(_try, benches), trials))
    finally:
        second.down()


@dataclass(frozen=True, slots=True)
class Trial:
    """A disk that a cut left, and in which steps how many cuts left the same; is it the first one of its step?"""

    cut: CutDisk
    steps: Counter[str]
    is_first: bool


def different(cuts: Sequence[CutDisk]) -> list[Trial]:
    """The disks that differ: one that many cuts left has to be tried once."""
    found: dict[str, Trial] = {}
    begun = set[str]()
    for cut in cuts:
        digest = cut.digest()
        if digest not in found:
            found[digest] = Trial(cut, Counter(), cut.step not in begun)
            begun.add(cut.step)
        else:
            cut.disk.unlink()
        found[digest].steps[cut.step] += 1
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Bench:
    """A unit that gets power with one disk after the other."""

    stage: Stage
    bundle: Path


def _try(benches: "Queue[Bench]", trial: Trial) -> tuple[str, float]:
    """Have a unit come back with this disk; returns which slot it had booted, and after how many seconds."""
    bench, began, cut = benches.get(), time.monotonic(), trial.cut
    try:
        unit_slots.append_bundle(cut.disk, bench.bundle)
        cut.start(bench.stage.lab)
        took = time.monotonic() - began
        slot = _require_back(bench, whole=trial.is_first)
    except (Broken, Failed) as error:
        raise Broken(f"{cut.step} at {cut.seconds:.1f} s: {error}") from None
    finally:
        benches.put(bench)
    bench.stage.tell(f"{cut.step} at {cut.seconds:.1f} s: slot {slot} after {took:.0f} s")
    return slot, took


def cuts_in_an_upgrade(stage: Stage, bundle: Path, place: Path, each: int, dice: random.Random) -> Sequence[CutDisk]:
    """Let an upgrade go through; returns what cuts in it leave, one of each step in turn."""
    unit = stage.lab
    stage.on(1, "sh", "-c", f"echo '{SAVED}' >>/etc/hosts && config save")
    unit_slots.carry_over(unit, bundle)
    samples = {step: Sample(step, each, dice) for step in STEPS}
    home = unit.state / "1"
    for begin in (_installing, _starting, _confirming):
        sample_while(begin(unit), home, place, samples, PAUSES)
    if not unit_slots.is_kept(unit, "b"):
        raise Broken("the upgrade itself did not come to its end")
    few = [name for name, sample in samples.items() if len(sample.found) < each]
    if few:
        raise Broken(f"these steps were too short for {each} moments each: {few}")
    rounds = zip_longest(*(samples[name].found.values() for name in STEPS))
    return [cut for turn in rounds for cut in turn if cut]


def _installing(unit: Lab) -> Callable[[], str]:
    """Install the bundle; tells whether the slot is being written, or what follows."""
    work = unit.start(1, "upgrade", "install", unit_slots.BUNDLE)
    words: list[bytes] = []

    def listen() -> None:
        assert work.stderr
        words.extend(work.stderr)

    threading.Thread(target=listen, daemon=True).start()
    while work.poll() is None and not any(b"writing slot" in line for line in words):
        time.sleep(0.05)

    def step() -> str:
        if work.poll() is not None:
            if work.returncode:
                raise Broken(f"the upgrade failed: {b''.join(words).decode()}")
            return ""
        return "switch" if any(b"back" in line for line in words) else "write"

    return step


def _starting(unit: Lab) -> Callable[[], str]:
    """Reboot; tells whether the new slot has booted."""
    rebooting = threading.Thread(target=unit.reboot, args=(1,))
    rebooting.start()
    return lambda: "first boot" if rebooting.is_alive() else ""


def _confirming(unit: Lab) -> Callable[[], str]:
    """Tells whether the slot that runs has been kept, and whether that has been noted."""
    end = time.monotonic() + unit_slots.TRIAL_SECONDS
    kept: list[float] = []

    def step() -> str:
        now = time.monotonic()
        if not kept and disk_image.record(unit.state / "1" / "disk.img").b.is_proved:
            kept.append(now)
        return "" if now > (kept[0] + NOTED if kept else end) else "confirmation"

    return step


def _require_back(bench: Bench, *, whole: bool) -> str:
    """Hold the unit, which has booted after a cut, to what it has to be; returns the slot that it had booted. A second attempt,
    where it is needed, also starts the new slot if it is to be a `whole` one."""
    unit = bench.stage.lab
    found = unit_slots.slots(unit)
    _require_works(bench.stage, found.booted)
    if found.booted == "b":
        return found.booted
    if found.slot("b")["next"]:
        raise Broken(f"the record says that slot b starts, and slot a runs: {found}")
    unit_slots.carry_from_disk(unit, bench.bundle)
    done = unit_slots.install(unit)
    if f"{VERSION} is in slot b" not in done.stdout:
        raise Broken(f"a second attempt does not work: {done}")
    if whole:
        unit.reboot(1)
        _require_works(bench.stage, "b")
    return found.booted


def _require_works(stage: Stage, slot: str) -> None:
    """That slot runs, is kept, and all that was saved and is to be started is there."""
    unit = stage.lab
    if not unit_slots.is_kept(unit, slot) or unit_slots.slots(unit).booted != slot:
        raise Broken(f"slot {slot} is not kept: {unit_slots.slots(unit)}")
    if SAVED not in unit.read(1, "/etc/hosts"):
        raise Broken("what was saved is gone")
    for item in stage.json(1, "service", "list"):
        if item["autostart"] and item["state"] != "running":
            raise Broken(f"service {item['name']} is {item['state']}")
