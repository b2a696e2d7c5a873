"""A slot that has just been installed has to prove itself; where it does not, the unit comes back to the other one by itself, and
says why.

Both slots hold the same here. What is wrong with slot b, the host has it do when it boots (fw_cfg), before the first service.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import disk_image
import pytest
import story
from lab_driver import Lab, eventually
from serial_console import console_text
from service_helpers import PYTHON

from firmware.upgrade.slot_record import NO_RECORD, SlotTrust

SET_PRIMARY = "from firmware.flows import switch_slot; switch_slot.set_primary('b')"


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit."""
    lab = Lab(worker_labs / "trial", kind="qemu")
    try:
        lab.up(1)
        yield lab
    finally:
        lab.down()


@pytest.fixture
def at_rest(unit: Lab) -> Iterator[Lab]:
    """It runs slot a, and slot b is as slot a is. What a test that failed has left is taken away."""
    script = unit.state / "1" / "boot.sh"
    before = script.read_text()
    if status(unit)["booted"] != "a":
        disk_image.write_record(unit.state / "1" / "disk.img", NO_RECORD)
        unit.cut(1)
    assert eventually(lambda: has_booted(unit), 120)
    yield unit
    script.write_text(before)


def has_booted(unit: Lab) -> bool:
    """Has the boot come to its end? Before that it is not known what worked."""
    return unit.run(1, "test", "-e", "/run/firmware/booted", check=False).status == 0


def status(unit: Lab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unit.run(1, "upgrade", "status", "--json").stdout)
    return found


def slot(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = (row for row in found["slots"] if row["slot"] == name)
    return dict(one)


def boot_b(unit: Lab, wrong: str, tries: int = 1) -> None:
    """Put slot b on trial with so many tries, have that be wrong with it, and power the unit off and on. Returns when it has
    booted, whichever slot it is."""
    unit.run(1, PYTHON, "-c", SET_PRIMARY)
    disk = unit.state / "1" / "disk.img"
    disk_image.write_record(disk, disk_image.record(disk).with_trust("b", SlotTrust(False, tries)))
    script = unit.state / "1" / "boot.sh"
    script.write_text(f"{script.read_text()}\ngrep -q slot=b /proc/cmdline && {{ {wrong}\n}}\ntrue\n")
    unit.cut(1)


def fell_back(unit: Lab) -> dict[str, Any] | None:
    """How the unit is once it runs slot a again; None before."""
    if not has_booted(unit):
        return None
    done = unit.run(1, "upgrade", "status", "--json", check=False)
    found: dict[str, Any] = json.loads(done.stdout) if done.status == 0 else {}
    return found if found.get("booted") == "a" else None


def require_fallback(unit: Lab, why: str, seconds: float = 60) -> None:
    assert eventually(lambda: fell_back(unit) is not None, seconds)
    found = status(unit)
    assert (slot(found, "a")["state"], slot(found, "b")["state"]) == ("proved", "bad")
    assert found["last"]["result"] == "fell back" and found["last"]["slot"] == "b"
    assert why in "\n".join(found["last"]["reasons"])
    assert why in unit.run(1, "upgrade", "status").stdout
    assert "upgrade fell back" in unit.run(1, "csync", "log").stdout
    refused = unit.run(1, "upgrade", "rollback", check=False)
    assert refused.status == 3 and "slot b (version" in refused.stderr and "has not proved itself" in refused.stderr


def told(unit: Lab) -> list[str]:
    """What `csync status`, `csync check` and the banner of the web UI say of the unit."""
    banner = "from firmware.operations.banner import banner; print(banner().slot_problem)"
    commands = ("csync", "status"), ("csync", "check"), (PYTHON, "-c", banner)
    return [unit.run(1, *command, check=False).stdout for command in commands]


def require_told_until_acknowledged(unit: Lab, why: str) -> None:
    """Everybody is told that an upgrade was given up, and why, until somebody has said that he knows."""
    assert [why in words for words in told(unit)] == [True, True, True]
    assert "not said any more: the upgrade to" in unit.run(1, "upgrade", "confirm").stdout
    assert [why in words for words in told(unit)] == [False, False, False]
    assert status(unit)["last"]["result"] == "fell back"


def test_a_slot_whose_kernel_panics_is_given_up(at_rest: Lab) -> None:
    """The boot loader falls back by itself, and slot a says that it did."""
    boot_b(at_rest, "echo c >/proc/sysrq-trigger")
    require_fallback(at_rest, "ended before it was known to work")
    assert "Kernel panic" in console_text(at_rest, 1)


@pytest.mark.all
def test_a_slot_whose_boot_hangs_is_given_up_by_the_watchdog(at_rest: Lab) -> None:
    boot_b(at_rest, "sleep 100000")
    require_fallback(at_rest, "ended before it was known to work")


@pytest.mark.all
def test_a_slot_whose_csyncd_does_not_start_is_given_up(at_rest: Lab) -> None:
    at_rest.write(1, "/etc/csyncd/csyncd.cfg", story.settings(1))
    at_rest.run(1, "csync", "genkey")
    at_rest.run(1, "config", "set", "csyncd", "autostart", "on")
    at_rest.run(1, "service", "csyncd", "start")
    at_rest.run(1, "config", "save")
    broken = "cd /usr/lib/python3*/*-packages/firmware/csyncd; mount -t tmpfs none __pycache__"
    boot_b(at_rest, f"{broken}; echo 'raise SystemExit(1)' >/run/broken; mount --bind /run/broken daemon.py", tries=3)
    require_fallback(at_rest, "service csyncd does not run", 600)
    require_told_until_acknowledged(at_rest, "service csyncd does not run")


@pytest.mark.all
def test_a_slot_whose_network_is_wrong_is_given_up(at_rest: Lab) -> None:
    boot_b(at_rest, "ip link set eth0 down; ip link set eth0 name lost0", tries=3)
    require_fallback(at_rest, "the address 192.168.0.200 is missing", 600)


@pytest.mark.all
def test_a_slot_whose_haproxy_does_not_answer_is_given_up(at_rest: Lab) -> None:
    boot_b(at_rest, "mount --bind /bin/false /usr/sbin/haproxy", tries=3)
    require_fallback(at_rest, "service haproxy does not run", 600)


@pytest.mark.all
def test_a_slot_that_cannot_even_look_is_given_up(at_rest: Lab) -> None:
    """Nothing of the firmware starts; the guard takes the tries away. Here it does so after a minute, not eleven."""
    guard = "/usr/libexec/appliance/trial"
    sooner = f"sed s/660/60/ {guard} >/run/trial; chmod 755 /run/trial; mount --bind /run/trial {guard}"
    boot_b(at_rest, f"{sooner}; mount -t tmpfs none /usr/lib/python3*/*-packages/firmware", tries=3)
    require_fallback(at_rest, "ended before it was known to work")
    assert "this slot has not been kept in time" in console_text(at_rest, 1)


@pytest.mark.all
def test_a_power_cut_in_a_trial_costs_a_try_and_no_more(at_rest: Lab) -> None:
    boot_b(at_rest, "true", tries=3)
    at_rest.cut(1)
    assert eventually(lambda: slot(status(at_rest), "b")["state"] == "proved", 120)
    found = status(at_rest)
    assert found["booted"] == "b" and found["last"]["result"] == "confirmed"
    at_rest.reboot(1, "upgrade", "rollback")
    assert status(at_rest)["booted"] == "a"


@pytest.mark.all
@pytest.mark.parametrize("moment", ["slot b trial=", "restored ", "service system: started", "service wui: started"])
def test_a_power_cut_at_any_moment_of_a_trial_ends_in_a_slot_that_works(at_rest: Lab, moment: str) -> None:
    """In the boot loader just after it has counted the try, in the boot, at its end: the unit tries again, and keeps the slot."""
    at_rest.run(1, PYTHON, "-c", SET_PRIMARY)
    seen = console_text(at_rest, 1).count(moment)
    at_rest.run(1, "sh", "-c", "setsid reboot -f >/dev/null 2>&1 &", check=False)
    assert eventually(lambda: console_text(at_rest, 1).count(moment) > seen, 300)
    at_rest.cut(1)
    assert eventually(lambda: slot(status(at_rest), "b")["state"] == "proved", 300)
    assert status(at_rest)["booted"] == "b"
    at_rest.reboot(1, "upgrade", "rollback")
    assert status(at_rest)["booted"] == "a" and slot(status(at_rest), "a")["state"] == "proved"


@pytest.mark.all
def test_an_operator_keeps_a_slot_or_goes_back(at_rest: Lab) -> None:
    """By hand, at once; and to a slot that has proved itself without a trial."""
    boot_b(at_rest, "mount --bind /bin/false /usr/sbin/haproxy", tries=3)
    found = status(at_rest)
    assert slot(found, "b")["state"] == "on trial" and slot(found, "b")["tries"] == 2
    assert eventually(lambda: any("haproxy" in reason for reason in status(at_rest)["waiting"]), 120)
    assert "is kept" in at_rest.run(1, "upgrade", "confirm").stdout
    assert slot(status(at_rest), "b")["state"] == "proved"
    assert "had proved itself already" in at_rest.run(1, "upgrade", "confirm").stdout
    at_rest.reboot(1, "upgrade", "rollback")
    found = status(at_rest)
    assert found["booted"] == "a" and found["last"]["result"] == "rolled back"
    assert (slot(found, "a")["state"], slot(found, "b")["state"]) == ("proved", "proved")
