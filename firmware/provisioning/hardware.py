"""The ports and the clock of the unit, as its kernel has them."""

import os
import time
from pathlib import Path

from firmware.errors import Failure
from firmware.provision.answers import Port, TimeIsSet
from firmware.run import run

NET = Path("/sys/class/net")
CLOCK = Path("/dev/rtc0")


def ports(top: Path = NET) -> tuple[Port, ...]:
    """The network cards, by the names of their interfaces; what the kernel has made of nothing is none."""
    return tuple(_port(path) for path in sorted(top.iterdir()) if (path / "device").exists())


def _port(path: Path) -> Port:
    driver = path / "device" / "driver"
    name = os.path.basename(os.readlink(driver)) if driver.is_symlink() else ""
    return Port(path.name, _read(path / "address"), name, has_link(path.name, path.parent))


def has_link(name: str, top: Path = NET) -> bool:
    """Does its cable lead to something that is on? Of an interface that is down nobody knows: then it does not."""
    return _read(top / name / "carrier") == "1"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # of an interface that is down
        return ""


def set_clock(now: float) -> TimeIsSet:
    """Set the clock, and the one of the hardware."""
    before = time.time()
    run(["date", "-u", "-s", f"@{now:.0f}"])
    has_clock = CLOCK.exists()
    if has_clock:
        run(["hwclock", "-w", "-u"])
    return TimeIsSet(round(before - now, 3), round(time.time(), 3), has_clock)


def addresses(interface: str) -> tuple[str, ...]:
    """The addresses of an interface, each with its prefix."""
    import json

    said = run(["ip", "-json", "address", "show", "dev", interface]).output
    try:
        found = json.loads(said)[0]["addr_info"]
        return tuple(f"{one['local']}/{one['prefixlen']}" for one in found)
    except (ValueError, LookupError, TypeError):
        raise Failure(f"{interface}: ip does not say its addresses") from None
