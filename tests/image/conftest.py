"""The image under test, and virtual units that have booted it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import disk_image
import pytest
from lab_driver import Lab, fresh_nodes


@pytest.fixture(scope="session")
def image() -> Path:
    """The image under test: IMAGE, or what is built from these sources, by whichever test first asks for it."""
    if not os.environ.get("IMAGE"):
        made = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        done = subprocess.run(
            ["make", "-f", "image.mk", "image"], cwd=disk_image.PROJECT, capture_output=True, text=True, env=made
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return disk_image.IMAGE


@pytest.fixture(scope="session")
def units(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """Two virtual units that all tests share, booted once. No test reboots them, turns them off or takes away their
    programs; a test says what it leaves changed, and the next ones get along with it."""
    yield from fresh_nodes(Lab(worker_labs / "units", kind="qemu"))


@pytest.fixture
def fresh_units(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """Two virtual units of one test's own, freshly booted."""
    yield from fresh_nodes(Lab(worker_labs / "fresh_units", kind="qemu"))
