"""The two slots of this unit: which one runs, and what lies in each. Lab nodes have none."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware import locks
from firmware.errors import Busy, Failure
from firmware.run import run
from firmware.upgrade.slot_record import NAMES, other

__all__ = [
    "Release", "device", "has_slots", "mount", "other", "release", "require_slots", "running", "tries_at_start", "unmount",
]  # fmt: skip

CMDLINE, PARTITIONS = Path("/proc/cmdline"), Path("/dev/disk/by-partlabel")
#: below the root of a slot: what it is
RELEASE = Path("usr/lib/os-release")
_MOST_RELEASE = 64 << 10
#: where the other slot is mounted while somebody looks into it
PLACE = Path("/run/firmware/slot")
#: seconds that others who look into it are waited for
LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Release:
    """What a slot holds: the `fields` of its os-release."""

    fields: Mapping[str, str]

    @property
    def version(self) -> str:
        """The version of the firmware."""
        return self.fields.get("VERSION_ID", "")

    @property
    def config_format(self) -> int:
        """The newest format of a saved configuration that it reads."""
        word = self.fields.get("CSYNCD_CONFIG_FORMAT", "")
        return int(word) if word.isascii() and word.isdigit() else 1


def running(cmdline: Path = CMDLINE) -> str:
    """The slot that runs; "" on a node that has none."""
    name = _kernel_words(cmdline).get("slot", "")
    return name if name in NAMES else ""


def tries_at_start(cmdline: Path = CMDLINE) -> int | None:
    """How often the boot loader may still start the slot that runs, if it runs on trial; None if it had proved itself."""
    word = _kernel_words(cmdline).get("trial", "")
    return int(word) if word.isascii() and word.isdigit() else None


def _kernel_words(cmdline: Path) -> dict[str, str]:
    pairs = (word.partition("=") for word in cmdline.read_text(errors="replace").split())
    return {name: value for name, _, value in pairs}


def has_slots(cmdline: Path = CMDLINE, partitions: Path = PARTITIONS) -> bool:
    """Is this a unit with two slots and a record of them?"""
    return bool(running(cmdline)) and (partitions / "record").exists()


def require_slots() -> str:
    """The slot that runs. Failure where there is none, or no record."""
    if not running():
        raise Failure(
            "this node has no slots: it was not started from a disk image", "docs/image.md says what a unit is"
        )
    if not has_slots():
        raise Failure(
            "this unit's disk has no partition `record`: it was made before there were upgrades",
            "save, export the configuration, and write a new image to the disk",
        )
    return running()


def device(slot: str) -> Path:
    """The partition of a slot."""
    return PARTITIONS / f"slot-{slot}"


def release(slot: str) -> Release | None:
    """What a slot holds; None for one that cannot be read, or is being written."""
    try:
        if slot == running():
            return read_release(Path("/"))
        with mount(slot) as root:
            return read_release(root)
    except (Failure, OSError):
        return None


def read_release(root: Path) -> Release:
    """What the system below `root` says it is, however much that is."""
    with open(root / RELEASE, errors="replace") as file:
        return parse_release(file.read(_MOST_RELEASE))


def parse_release(text: str) -> Release:
    """The fields of an os-release."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return Release({name: value.strip('"') for name, equals, value in pairs if equals})


@contextmanager
def mount(slot: str) -> Iterator[Path]:
    """Have the other slot mounted for the time, to be read only. Failure where there is no squashfs in it; Busy while it is being
    written."""
    with _hold_other_slot():
        PLACE.mkdir(mode=0o700, parents=True, exist_ok=True)
        run(["mount", "-t", "squashfs", "-o", "ro,nosuid,nodev,noexec", str(device(slot)), str(PLACE)])
        try:
            yield PLACE
        finally:
            unmount()


def unmount() -> None:
    """Have the other slot not be mounted any more, though somebody was killed who looked into it. Whoever calls it holds the lock
    OTHER_SLOT: nobody looks into it now."""
    while os.path.ismount(PLACE) and run(["umount", str(PLACE)], check=False).status == 0:
        pass


@contextmanager
def _hold_other_slot() -> Iterator[None]:
    """Others who look are gone in a moment; who writes is not waited for."""
    end = time.monotonic() + LOOK_SECONDS
    while True:
        with ExitStack() as held:
            try:
                held.enter_context(locks.hold(locks.OTHER_SLOT, wait=False))
            except Busy:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
                continue
            yield
            return
