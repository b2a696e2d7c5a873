"""The slots of a virtual unit, as its `upgrade status` says them; bundles that go into them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bundles
import disk_image
from bundles import Signer
from lab_driver import Lab, Result, eventually

#: where a unit has the bundle that `carry_over` brought: in memory of its own, for /tmp has no room for it
BUNDLE = "/run/large/bundle.raucb"
_ROOM = (
    "mkdir -p /run/large; mountpoint -q /run/large || mount -t tmpfs -o size=80m large /run/large; rm -f /run/large/*"
)
#: seconds within which a slot on trial is kept, on a machine that does other work
TRIAL_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Slots:
    """What a unit says of its slots: the whole answer, and the parts of it that are asked for most."""

    said: dict[str, Any]

    @property
    def booted(self) -> str:
        """The slot that runs."""
        return str(self.said["booted"])

    @property
    def last(self) -> dict[str, Any]:
        """What became of the last upgrade."""
        return dict(self.said["last"] or {})

    def slot(self, name: str) -> dict[str, Any]:
        """What is said of a slot."""
        (one,) = (row for row in self.said["slots"] if row["slot"] == name)
        return dict(one)

    def state(self, name: str) -> str:
        """Whether a slot is proved, on trial or bad."""
        return str(self.slot(name)["state"])


def slots(unit: Lab) -> Slots:
    """How the slots of unit 1 are now."""
    return Slots(json.loads(unit.run(1, "upgrade", "status", "--json").stdout))


def is_kept(unit: Lab, slot: str, seconds: float = TRIAL_SECONDS) -> bool:
    """Whether that slot, which runs, is proved within that time."""
    return eventually(lambda: slots(unit).state(slot) == "proved", seconds)


def other_bundle(version: str, place: Path) -> Path:
    """A bundle of what is in the slots of the image under test, as another version."""
    place.mkdir(parents=True)
    slot = bundles.other_version(disk_image.IMAGE.parent / "slot.squashfs", version, place)
    return bundles.bundle(slot, place / "bundle.raucb", Signer(bundles.PROJECT / "build/keys"))


def carry_over(unit: Lab, bundle: Path) -> None:
    """Bring a bundle to unit 1."""
    unit.run(1, "sh", "-c", _ROOM)
    unit.run(1, "sh", "-c", f"cat >{BUNDLE}", stdin=bundle.read_bytes(), timeout=300)


def append_bundle(disk: Path, bundle: Path) -> None:
    """Put a bundle behind all that a disk has, where nothing of a unit looks: `carry_from_disk` gets it from there, without the
    slow way through ssh."""
    with disk.open("ab") as file:
        file.write(bundle.read_bytes())


def carry_from_disk(unit: Lab, bundle: Path) -> None:
    """Bring a bundle to unit 1 that was appended to the disk which it has booted."""
    size = bundle.stat().st_size
    whole = (unit.state / "1" / "disk.img").stat().st_size
    assert (whole - size) % 4096 == 0
    copy = f"dd if=/dev/vda bs=4096 skip={(whole - size) // 4096} 2>/dev/null | head -c {size} >{BUNDLE}"
    unit.run(1, "sh", "-c", f"{_ROOM}; {copy}", timeout=300)


def install(unit: Lab, *flags: str) -> Result:
    """Install the bundle that was brought; it has to work."""
    return unit.run(1, "upgrade", "install", *flags, BUNDLE, timeout=600)
