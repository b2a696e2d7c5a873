"""What the identity partition holds is no slot's: a locked unit stays who it is through an upgrade, and through a rollback."""

import json
from collections.abc import Iterator
from pathlib import Path

import bundles
import disk_image
import pytest
from bundles import Signer
from lab_driver import Lab, eventually
from provisioned_units import provision, require_locked

pytestmark = [pytest.mark.all, pytest.mark.root]


@pytest.fixture
def unit(image: Path, worker_labs: Path) -> Iterator[Lab]:
    """One unit."""
    lab = Lab(worker_labs / "kept", kind="qemu")
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


def is_proved(unit: Lab, slot: str) -> bool:
    """Has the slot been found to work?"""
    rows = json.loads(unit.run(1, "upgrade", "status", "--json").stdout)["slots"]
    return any(row["slot"] == slot and row["state"] == "proved" for row in rows)


def test_a_locked_unit_stays_locked_through_upgrade_and_rollback(unit: Lab, bundle: Path) -> None:
    """Its line says from which slot, and with which version, it has come up; and nothing else is to be had there."""
    digest = provision(unit, 1, "LB-0001")
    first = require_locked(unit, 1, "LB-0001", digest)
    before = disk_image.partitions(unit.state / "1" / "disk.img")["identity"].read()

    unit.run(1, "sh", "-c", "mkdir /run/large && mount -t tmpfs -o size=80m large /run/large")
    unit.write(1, "/run/large/bundle.raucb", bundle.read_bytes())
    unit.run(1, "upgrade", "install", "/run/large/bundle.raucb", timeout=600)
    unit.reboot(1)
    found = require_locked(unit, 1, "LB-0001", digest)
    assert (found.slot, found.version) == ("b", "9.9.9")

    assert eventually(lambda: is_proved(unit, "b"), seconds=400)
    unit.run(1, "upgrade", "rollback")
    unit.cut(1)
    found = require_locked(unit, 1, "LB-0001", digest)
    assert (found.slot, found.version) == ("a", first.version)
    after = disk_image.partitions(unit.state / "1" / "disk.img")["identity"].read()
    assert after == before, "nothing has written to the partition since it was locked"
