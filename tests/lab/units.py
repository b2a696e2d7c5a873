"""What `up`, `reboot` and `cut` do with virtual units.

The first start of a unit from an image takes a boot; how it was then is kept beside the image (`booted/`), and the next
fresh one begins there. A unit that is rebooted, or gets its power back, boots for real.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import console
import inside
import lab
import qmp
import remote
from machine import PORTS, accelerator, arguments, boot_script
from state import Trouble

#: seconds that a unit has to boot, under emulation and beside others
PATIENCE = 300.0
_WAIT = "until [ -e /run/firmware/booted ]; do sleep 0.1; done"


def up(state: Path, count: int, image: Path, *, cold: bool) -> None:
    """Fresh units 1 to `count`, booted; with `cold` from power-on, whatever is kept. Those that are there go first."""
    if not image.exists():
        raise Trouble(f"{image}: there is no image\nhint: make -f image.mk image")
    with open(image, "rb") as disk:
        if disk.read(520)[512:] != b"EFI PART":
            raise Trouble(f"{image}: it is no disk image: there is no GPT in it\nhint: make -f image.mk image")
    lab.claim(state, "qemu")
    numbers, accel = range(1, count + 1), accelerator(image)
    for number in numbers:
        (state / str(number)).mkdir(mode=0o700)  # the disk has keys and passwords
        (state / str(number) / "accelerator").write_text(accel)
        _prepare(state / str(number), number, image, cold)
    (state / "keys").symlink_to(image.parent / "booted")
    lab.raise_hub(state, count, [])
    os.chdir(state)
    if any(Path(str(number), "incoming").exists() for number in numbers):
        print("they wake as they were when they had first booted from this image")
    for number in numbers:
        _enter(number, Path("keys"))
    Path("ssh_config").write_text("".join(f"Include {state}/{number}/login\n" for number in numbers))
    for number in numbers:
        _wake(number, image)


def reboot(state: Path, number: int, command: list[str]) -> None:
    """An orderly reboot, asked for as an operator does; or one that another command leads to."""
    os.chdir(state)
    _ask_power(state, number)
    before = _boot_id(number)
    with suppress(Trouble):  # it may end the connection before it has an answer
        remote.output(number, *command, seconds=60)
    end = time.monotonic() + PATIENCE
    while True:
        remote.disconnect(number)
        remote.connect(number, max(0.0, end - time.monotonic()))
        try:
            if _boot_id(number) != before:
                break
        except Trouble:  # it went down just now
            continue
        if time.monotonic() > end:
            raise Trouble(f"node {number} has not rebooted after {PATIENCE:.0f} s")
        time.sleep(0.5)
    remote.output(number, "sh", "-c", _WAIT, seconds=PATIENCE)


def cut(state: Path, number: int) -> None:
    """A power cut, then power on; returns when the unit has booted."""
    os.chdir(state)
    lab.order(state, "off", number)
    remote.disconnect(number)
    Path(str(number), "incoming").unlink(missing_ok=True)
    lab.order(state, "on", number)
    _ports_soon(number)
    lab.order(state, "cable", number)  # QEMU starts with the cable in
    _enter(number, Path("keys"))
    remote.output(number, "sh", "-c", _WAIT, seconds=PATIENCE)


def ports(number: int) -> dict[str, int]:
    """The host's own ports that lead to the unit, by the names in PORTS."""
    (said,) = qmp.ask(f"{number}/qmp", qmp.say("human-monitor-command", **{"command-line": "info usernet"}))
    found = dict(re.findall(r"HOST_FORWARD\]\s+\S+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", said))
    return {name: int(ours) for name, port in PORTS.items() for ours, theirs in found.items() if int(theirs) == port}


def attach(state: Path, number: int) -> None:
    """A terminal on a unit's serial console."""
    _ask_power(state, number)
    console.attach(state / str(number))


def ports_json(state: Path, number: int) -> str:
    """The same, for programs."""
    _ask_power(state, number)
    os.chdir(state)
    return json.dumps(ports(number))


def _prepare(home: Path, number: int, image: Path, cold: bool) -> None:
    """The unit's disk and what it is told at boot; a kept state, if there is one that belongs to both."""
    place = image.parent / "booted"
    place.mkdir(exist_ok=True)
    for name in ("user", "host"):
        if not (place / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", place / name], check=True)
    user, host = (place / "user.pub").read_text().strip(), (place / "host").read_bytes()
    environment, accel = inside.environment() | {"HOSTNAME": f"node{number}"}, (home / "accelerator").read_text()
    script = boot_script(number, user, base64.b64encode(host).decode(), environment, accel)
    (home / "boot.sh").write_text(script)
    kept = _kept(home, number, image)
    if kept.exists() and not cold:
        (home / "incoming").symlink_to(kept / "state")
        image = kept / "disk.img"
    subprocess.run(["cp", "--sparse=always", image, home / "disk.img"], check=True)


def _kept(home: Path, number: int, image: Path) -> Path:
    """Where the state is kept that belongs to this image, machine and script."""
    status, script = image.stat(), (home / "boot.sh").read_text()
    words = f"{status.st_size} {status.st_mtime_ns} {arguments(number, 0, (home / 'accelerator').read_text(), False)} {script}"
    return image.parent / "booted" / f"{number}-{hashlib.sha256(words.encode()).hexdigest()[:16]}"


def _ports_soon(number: int) -> dict[str, int]:
    """The ports of a unit that has got power just now."""
    end = time.monotonic() + 10
    while True:
        try:
            return ports(number)
        except Trouble:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _enter(number: int, place: Path) -> None:
    """Open the way in to a unit that has got power."""
    open_ports = _ports_soon(number)
    if Path(str(number), "incoming").exists():  # it was stopped when it was kept
        while qmp.ask(f"{number}/qmp", qmp.say("query-status"))[0]["status"] == "inmigrate":
            time.sleep(0.02)
        qmp.ask(f"{number}/qmp", qmp.say("cont"))
    remote.configure(number, open_ports, str(place / "user"), (place / "host.pub").read_text())
    remote.connect(number, PATIENCE)


def _wake(number: int, image: Path) -> None:
    """The last steps of `up`: what has slept gets the time and chance of its own; what has booted is kept."""
    if Path(str(number), "incoming").exists():
        Path(str(number), "incoming").unlink()
        set_clock = f"cat >/dev/urandom; date -u -s @{time.time():.0f} >/dev/null"
        remote.output(number, "sh", "-c", set_clock, data=os.urandom(512))
    else:
        remote.output(number, "sh", "-c", _WAIT, seconds=PATIENCE)
        _keep(number, image)


def _keep(number: int, image: Path) -> None:
    """Put a freshly booted unit's state and disk aside, for others to begin there."""
    kept = _kept(Path(str(number)), number, image)
    place, new = kept.parent, kept.parent / f"{number}.{os.getpid()}"
    if kept.exists():
        return
    remote.output(number, "sync")
    remote.disconnect(number)
    for old in place.glob(f"{number}-*"):
        shutil.rmtree(old)
    new.mkdir()
    qmp.ask(f"{number}/qmp", qmp.say("stop"), qmp.say("migrate", uri=f"exec:cat >'{new}/state'"))
    while (status := qmp.ask(f"{number}/qmp", qmp.say("query-migrate"))[0]["status"]) != "completed":
        if status in ("failed", "cancelled"):
            raise Trouble(f"node {number}: its state cannot be kept: {status}")
        time.sleep(0.05)
    subprocess.run(["cp", "--sparse=always", f"{number}/disk.img", new / "disk.img"], check=True)
    qmp.ask(f"{number}/qmp", qmp.say("cont"))
    new.rename(kept)
    remote.connect(number, PATIENCE)


def _boot_id(number: int) -> str:
    return remote.output(number, "cat", "/proc/sys/kernel/random/boot_id", seconds=5)


def _ask_power(state: Path, number: int) -> None:
    """Trouble if there is no such unit, or it is off."""
    lab.order(state, "power", number)
