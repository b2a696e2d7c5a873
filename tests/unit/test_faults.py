"""Fault points: every step that is named is in the flows, every one in the flows is named, and production has none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware import faults

ROOT = Path(__file__).parents[2]
CALLS = re.compile(r'\bfault_point\("([a-z.-]+)"\)')


def test_the_steps_are_those_of_the_code() -> None:
    called = [step for path in (ROOT / "firmware").rglob("*.py") for step in CALLS.findall(path.read_text())]
    assert set(called) == set(faults.STEPS)


def test_nothing_of_the_firmware_sets_what_arms_them() -> None:
    named = [
        path.relative_to(ROOT)
        for top in ("firmware", "overlay", "native")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyc") and b"FIRMWARE_FAULTS" in path.read_bytes()
    ]
    assert named == [Path("firmware/faults.py")]


@pytest.mark.parametrize(("armed", "status"), [(True, -9), (False, 0)])
def test_only_the_environment_arms_them_and_each_order_is_for_one(tmp_path: Path, armed: bool, status: int) -> None:
    order = tmp_path / "receive.swapped"
    order.write_text("kill")
    program = "from firmware.faults import fault_point; fault_point('receive.armed'); fault_point('receive.swapped')"
    environment = {"FIRMWARE_FAULTS": str(tmp_path)} if armed else {}
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT)
    assert done.returncode == status
    assert order.exists() is not armed
