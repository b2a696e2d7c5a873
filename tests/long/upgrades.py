"""Upgrades of a virtual unit, back and forth between two versions, with changes of the configuration in between: nothing is lost, and
nothing grows on flash."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import unit_slots
from lab_driver import Lab
from service_helpers import PYTHON
from story import FETCH, Broken, Stage, enable, make_keys, page

VERSIONS = ("9.9.8", "9.9.9")
#: what every upgrade has to leave as it is
KEPT = ("/etc/csyncd/id_ed25519", "/etc/csyncd/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key")
#: bytes by which what lies on flash beside the saved configurations may vary
VARIES = 4096
#: the files on flash with their bytes
LISTING = """
import json, os
from firmware.store.repository import hold_flash
with hold_flash(write=False) as top:
    found = {os.path.relpath(f"{where}/{name}", top): os.lstat(f"{where}/{name}").st_size
             for where, _, names in os.walk(top) for name in names}
print(json.dumps(found))
"""


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Upgrade so many times. Broken if something of the configuration is lost, or something grows."""
    unit, took, beside = stage.lab, list[float](), list[dict[str, int]]()
    _enable_csyncd(stage)
    keys = stage.on(1, "sha256sum", *KEPT)
    with tempfile.TemporaryDirectory(dir=unit.state.parent, prefix="upgrades-") as name:
        made = [unit_slots.other_bundle(version, Path(name) / version) for version in VERSIONS]
        for number in range(1, count + 1):
            _change(stage, number)
            unit_slots.carry_over(unit, made[number % 2])
            began = time.monotonic()
            _install_and_reboot(unit)
            took.append(time.monotonic() - began)
            _require_kept(stage, number)
            if stage.on(1, "sha256sum", *KEPT) != keys:
                raise Broken(f"upgrade {number}: keys are others than before")
            beside.append(_bytes_beside_configurations(stage))
            tell(
                f"{number:4}  {VERSIONS[number % 2]} after {took[-1]:.0f} s; on flash {sum(beside[-1].values())} bytes"
            )
            _require_no_growth(beside)
    seconds = [round(each) for each in took]
    return {"upgrades": count, "install and reboot (s)": seconds, "bytes beside configurations": beside[-1]}


def _enable_csyncd(stage: Stage) -> None:
    """csyncd runs, with keys, and is saved; there is no peer."""
    enable(stage, 1)
    make_keys(stage, 1)
    stage.on(1, "service", "csyncd", "start")
    stage.on(1, "config", "save")


def _change(stage: Stage, number: int) -> None:
    """Change what haproxy answers, and a file beside it, and save."""
    stage.edit(1, page(f"round {number}"))
    stage.on(1, "sh", "-c", f"echo '192.0.2.{number % 250} round-{number}' >>/etc/hosts")
    stage.on(1, "config", "save", "-m", f"round {number}")


def _install_and_reboot(unit: Lab) -> None:
    """As an operator does it who goes away meanwhile: the reboot would end whoever waits for the command."""
    order = f"setsid upgrade install --downgrade --reboot {unit_slots.BUNDLE} </dev/null >/run/install.log 2>&1 &"
    unit.reboot(1, "sh", "-c", order)


def _require_kept(stage: Stage, number: int) -> None:
    """The other version runs and is kept; all that was ever saved is there, and what is to be started runs."""
    unit, found = stage.lab, unit_slots.slots(stage.lab)
    slot, version = found.booted, found.slot(found.booted)["version"]
    if version != VERSIONS[number % 2] or not unit_slots.is_kept(unit, slot):
        raise Broken(f"upgrade {number}: {unit_slots.slots(unit)}")
    hosts = unit.read(1, "/etc/hosts").split()
    if lost := [each for each in range(1, number + 1) if f"round-{each}" not in hosts]:
        raise Broken(f"upgrade {number}: the changes {lost} are lost")
    if stage.on(1, PYTHON, "-c", FETCH, "http://127.0.0.1:8080/").strip() != f"round {number}":
        raise Broken(f"upgrade {number}: haproxy does not answer what was saved")
    if stage.json(1, "config", "history")[0]["message"] != f"round {number}":
        raise Broken(f"upgrade {number}: the last save is not the newest generation")
    if unsaved := stage.lab.run(1, "config", "changes", check=False).stdout:
        raise Broken(f"upgrade {number}: it changed the configuration: {unsaved}")
    for item in stage.json(1, "service", "list"):
        if item["autostart"] and item["state"] != "running":
            raise Broken(f"upgrade {number}: service {item['name']} is {item['state']}")


def _bytes_beside_configurations(stage: Stage) -> dict[str, int]:
    """What lies on flash but for the saved configurations and their journal, which tests of saving hold to their share."""
    found: dict[str, int] = json.loads(stage.on(1, PYTHON, "-c", LISTING))
    return {path: size for path, size in found.items() if not path.startswith("config/")}


def _require_no_growth(beside: list[dict[str, int]]) -> None:
    """There are no more files than after the second upgrade, and they are as large."""
    first, last = beside[min(1, len(beside) - 1)], beside[-1]
    if more := last.keys() - first.keys():
        raise Broken(f"after upgrade {len(beside)} there is more on flash: {sorted(more)}")
    if sum(last.values()) > sum(first.values()) + VARIES:
        raise Broken(f"after upgrade {len(beside)} flash has {sum(last.values())} bytes: {last}")
