"""Whole upgrades, again and again: with power cuts in every step, and back and forth between two versions. How many of each is
`make -f image.mk soak ARGS='upgrade_cuts=40 upgrades=30'`; here it is a few."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import unit_slots
import upgrade_cuts
import upgrades
from lab_driver import Lab
from story import Stage

pytestmark = pytest.mark.all


@pytest.fixture
def stage(image: Path, worker_labs: Path) -> Iterator[Stage]:
    """One unit, freshly booted."""
    lab = Lab(worker_labs / "upgrades", kind="qemu")
    try:
        lab.up(1)
        yield Stage(lab, tell=print)
    finally:
        lab.down()


def test_a_unit_comes_back_from_a_power_cut_in_each_step_of_an_upgrade(stage: Stage) -> None:
    figures = upgrade_cuts.play(stage, len(upgrade_cuts.STEPS), 1, print)
    assert {key.partition(":")[0] for key in figures["cuts"]} == set(upgrade_cuts.STEPS)


def test_upgrades_back_and_forth_lose_nothing_and_leave_nothing_behind(stage: Stage) -> None:
    figures = upgrades.play(stage, 4, 1, print)
    assert figures["upgrades"] == 4
    assert "upgrade rolled back" not in stage.on(1, "csync", "log")
    assert unit_slots.slots(stage.lab).last["result"] == "confirmed"
