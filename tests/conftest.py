"""Nodes for the tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver import Lab

LABS = Path(__file__).resolve().parents[1] / "build" / "labs"


@pytest.fixture(scope="session")
def lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes that all tests of a session share: whoever changes something there puts it back, or says what it needs."""
    yield from _held(Lab(worker_labs / "shared"))


@pytest.fixture
def fresh_lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes of one test's own, as the factory made them. They take a fraction of a second."""
    yield from _held(Lab(worker_labs / "fresh"))


@pytest.fixture(scope="module")
def module_lab(worker_labs: Path) -> Iterator[Lab]:
    """Two nodes for the tests of one module, as the factory made them when the first of them runs."""
    yield from _held(Lab(worker_labs / "module"))


@pytest.fixture(scope="session")
def worker_labs() -> Iterator[Path]:
    """Where the labs of this test run are kept: a run beside it has a place of its own. What killed runs left goes."""
    for lock in LABS.glob("*/*/lab.lock"):
        if not Path("/proc", lock.parts[-3]).exists():
            Lab(lock.parent).down()
            lock.parents[1].rmdir()
    place = LABS / str(os.getpid())
    place.mkdir(parents=True)
    yield place
    place.rmdir()


def _held(lab: Lab) -> Iterator[Lab]:
    try:
        lab.up(2)
        yield lab
    finally:
        lab.down()
