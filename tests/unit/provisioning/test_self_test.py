"""The self-test: what it finds good, and each way in which a unit can fail it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.errors import Failure
from firmware.provision.questions import SelfTest
from firmware.provisioning import self_test
from firmware.store.paths import Paths

TOP = Path(__file__).parents[3]


def test_memory() -> None:
    assert "MB, four patterns" in self_test.test_memory(2)


def test_memory_that_is_not_there_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_free_megabytes", lambda: 4)
    assert self_test.test_memory(4096).startswith("2 MB")


def test_flash(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "etc", tmp_path / "factory", tmp_path, tmp_path / "run")
    assert "written and read back" in self_test.test_flash(paths)
    assert not (tmp_path / "self-test").exists()


def test_a_clock_that_stands_still_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_TICK", 0.3)
    (tmp_path / "since_epoch").write_text("1800000000\n")
    with pytest.raises(Failure, match="stands still"):
        self_test.test_rtc(tmp_path)
    with pytest.raises(Failure, match="no hardware clock"):
        self_test.test_rtc(tmp_path / "none")


def test_a_watchdog_is_there_and_fed(tmp_path: Path) -> None:
    device, one = tmp_path / "watchdog", tmp_path / "class/watchdog0"
    with pytest.raises(Failure, match="there is no watchdog"):
        self_test.test_watchdog(device, tmp_path / "class")
    device.touch()
    one.mkdir(parents=True)
    for name, text in (("state", "inactive"), ("timeout", "30"), ("identity", "a dog")):
        (one / name).write_text(f"{text}\n")
    with pytest.raises(Failure, match="nobody feeds"):
        self_test.test_watchdog(device, tmp_path / "class")
    (one / "state").write_text("active\n")
    assert self_test.test_watchdog(device, tmp_path / "class") == "a dog, 30 s, it is fed"


def test_one_that_fails_ends_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError(5, "Input/output error")

    passed: Callable[[], str] = lambda: "good"  # noqa: E731
    monkeypatch.setattr(self_test, "_tests", lambda _: [("flash", fail), ("rtc", passed)])
    said: list[str] = []
    found = self_test.test_unit(SelfTest(), said.append)
    assert [(one.name, one.passed, one.words) for one in found.tests] == [
        ("flash", False, "Input/output error"), ("rtc", True, "good"),
    ]  # fmt: skip
    assert said == ["flash", "rtc"] and not found.has_passed


CABLE = """
from firmware.provision.questions import PortPair
from firmware.provisioning import port_test
port_test._LINK_SECONDS, port_test._FRAME_SECONDS = 1.0, 0.2
print(port_test.test_cable(PortPair("pa", "pb")))
"""


@pytest.mark.root
@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ("true", "60 frames each way"),
        ("ip link set pd down", "pb has no link"),
        ("ip link set pd nomaster", "did not arrive"),
    ],
)
def test_a_cable(cut: str, said: str) -> None:
    """Two ports that a cable joins, in a network of their own; then with the cable out, and with one that loses all."""
    make = "ip link add pa type veth peer name pc; ip link add pb type veth peer name pd; ip link add pbr type bridge"
    join = (
        "ip link set pc master pbr; ip link set pd master pbr; for one in pbr pc pd pa pb; do ip link set $one up; done"
    )
    script = f"mount -t sysfs sys /sys; {make}; {join}; {cut}; exec {sys.executable} -c '{CABLE}'"
    done = subprocess.run(["unshare", "-nm", "sh", "-c", script], capture_output=True, text=True, cwd=TOP)
    assert said in done.stdout + done.stderr
