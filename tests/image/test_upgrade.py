"""A whole upgrade of a unit: a signed bundle of another version, installed, started, kept, and left again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bundles
import disk_image
import pytest
from bundles import Signer
from lab_driver import Lab, eventually

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit."""
    lab = Lab(worker_labs / "upgrade", kind="qemu")
    try:
        lab.up(1)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def bundle(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the unit's slot, as version 9.9.9."""
    place = tmp_path_factory.mktemp("bundle")
    slot = bundles.other_version(disk_image.IMAGE.parent / "slot.squashfs", "9.9.9", place)
    return bundles.bundle(slot, place / "bundle.raucb", Signer(bundles.PROJECT / "build/keys"))


def slots(unit: Lab) -> dict[str, dict[str, Any]]:
    return {row["slot"]: row for row in json.loads(unit.run(1, "upgrade", "status", "--json").stdout)["slots"]}


def test_a_new_version_is_installed_started_and_kept(unit: Lab, bundle: Path) -> None:
    """What was saved before is there afterwards. The bundle is larger than what /tmp has room for."""
    unit.run(1, "sh", "-c", "echo '192.0.2.77 kept' >>/etc/hosts && config save")
    unit.run(1, "sh", "-c", "mkdir /run/large && mount -t tmpfs -o size=80m large /run/large")
    unit.write(1, "/run/large/bundle.raucb", bundle.read_bytes())
    done = unit.run(1, "upgrade", "install", "/run/large/bundle.raucb")
    assert "9.9.9 is in slot b, which starts at the next reboot" in done.stdout
    assert slots(unit)["a"]["booted"] and slots(unit)["b"]["next"]
    unit.reboot(1)
    assert slots(unit)["b"]["booted"] and slots(unit)["b"]["version"] == "9.9.9"
    assert "192.0.2.77 kept" in unit.read(1, "/etc/hosts")
    assert eventually(lambda: slots(unit)["b"]["state"] == "proved", seconds=240)
