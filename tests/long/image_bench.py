"""The bars of the image: how large a slot is, how soon a unit is ready after power-on, and how much memory it takes.

Readiness is measured with the kernel started directly, without the boot loader, by the time at which the unit says on its
console that a service has been started. What it is compared with is the same disk with csyncd and wui switched off, or another image.
"""

import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import disk_image
import story
from lab_driver import Lab
from story import Stage

sys.path.append(str(Path(__file__).parents[1] / "lab"))
import machine

ROUNDS = 5
APPEND = "slot=a console=ttyS0,115200 panic=5 quiet loglevel=4"
MB = 1_000_000


def figures(place: Path) -> Iterator[tuple[str, float, float]]:
    """Of the image under test: name, ours, and what it is compared with, in the same unit."""
    yield "slot (MB)", disk_image.size("slot-a") / MB, 60
    yield "memory that a paired unit uses when idle (MB)", prepare(disk_image.IMAGE, place), 96
    both, alone = in_turn((place, "on", ("wui", "csyncd")), (place, "off", ("sshd",)))
    yield "power-on to csyncd and wui, against sshd with both off (s, median of 5)", both, alone


def against(quick: Path, place: Path) -> Iterator[tuple[str, float, float]]:
    """The image under test, beside the quick one."""
    yield "the product's slot (MB)", disk_image.size("slot-a") / MB, 40
    used = [prepare(disk, place / disk.parent.name) for disk in (disk_image.IMAGE, quick)]
    yield "memory of the product, against the quick image (MB)", *used
    places = [(place / disk.parent.name, "on", ("wui", "csyncd")) for disk in (disk_image.IMAGE, quick)]
    yield "power-on to csyncd and wui of the product, against the quick image (s, median of 5)", *in_turn(*places)


def prepare(disk: Path, place: Path) -> float:
    """Pair two units; MB that one uses when idle. `place` gets its disk, its boot script and its kernel."""
    stage = Stage(Lab(place.parent / f"{place.name}-units", "qemu", image=disk), tell=lambda text: None)
    try:
        stage.lab.up(2)
        story.pair(stage)
        used = memory(stage)
        _disks(stage, place)
        disk_image.unpack("slot-a", place / "slot", "boot", disk=disk)
    finally:
        stage.lab.down()
    return used


def memory(stage: Stage) -> float:
    """MB that node 1 uses by free(1), when it has come to rest; with the sshd and the session through which we ask."""
    time.sleep(10)
    return int(stage.on(1, "sh", "-c", "free -b | awk '/^Mem:/ { print $3 }'")) / MB


def _disks(stage: Stage, place: Path) -> None:
    """Node 1's disk with csyncd and wui on and off, and its boot script."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    home = stage.lab.state / "1"
    for name in ("on", "off"):
        for service in ("csyncd", "wui"):
            stage.on(1, "config", "set", service, "autostart", name)
        stage.on(1, "config", "save", "-m", f"both {name}")
        subprocess.run(["cp", "--sparse=always", home / "disk.img", place / f"{name}.img"], check=True)
    for name in ("boot.sh", "accelerator"):
        shutil.copy(home / name, place)


def in_turn(*cases: tuple[Path, str, tuple[str, ...]]) -> list[float]:
    """Of each case (place, disk, services), the median of the seconds from power-on until those services have been started."""
    rounds = [[_started(*case) for case in cases] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def _started(place: Path, name: str, services: tuple[str, ...]) -> float:
    """Seconds from power-on until all of these services have been started."""
    subprocess.run(["cp", "--sparse=always", place / f"{name}.img", place / "disk.img"], check=True)
    (place / "console.log").unlink(missing_ok=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    argv = machine.arguments(1, theirs.fileno(), (place / "accelerator").read_text(), False)
    argv += ["-kernel", "slot/boot/vmlinuz", "-initrd", "slot/boot/initramfs", "-append", APPEND]
    began = time.monotonic()
    with subprocess.Popen(argv, cwd=place, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL) as unit:
        try:
            return _until(lambda: _says(place, services), began)
        finally:
            unit.kill()
            ours.close()
            theirs.close()


def _says(place: Path, services: tuple[str, ...]) -> bool:
    log = place / "console.log"
    said = log.read_text(errors="replace") if log.exists() else ""
    return all(f"service {name}: started" in said for name in services)


def _until(holds: Callable[[], bool], began: float) -> float:
    while not holds():
        if time.monotonic() - began > 200:
            raise story.Broken("the unit is not ready after 200 s")
        time.sleep(0.02)
    return time.monotonic() - began
