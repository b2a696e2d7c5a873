"""What is kept beside an image, in the directory `booted`: the keys of the units that are made from it, with which accelerator
it boots, and how each of its units was when it had booted for the first time, so that the next one begins there.
"""

import base64
import hashlib
import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import inside
import kernel
from machine import Machine, arguments, board, boot_script


@dataclass(frozen=True, slots=True)
class Start:
    """How a unit starts from an image: what it is told at boot, by which accelerator it runs, and where its state is kept or will
    be, once it has booted that way."""

    image: Path
    script: str
    accelerator: str
    kept: Path

    def prepare(self, machine: Machine, *, cold: bool) -> None:
        """Make that unit; unless `cold`, it begins where an earlier one had booted, if there was one."""
        if self.kept.exists() and not cold:
            machine.prepare(self.script, self.accelerator, self.kept / "disk.img", self.kept / "state")
        else:
            machine.prepare(self.script, self.accelerator, self.image, None)

    def keep(self, machine: Machine) -> None:
        """Put the state and disk of that unit aside, which has booted; it is stopped then. What was kept of others with its number
        goes: their image, machine or script is not what it is now."""
        new = self.kept.with_name(f"{machine.number}.{os.getpid()}")
        for old in self.kept.parent.glob(f"{machine.number}-*"):
            shutil.rmtree(old)
        new.mkdir()
        machine.stop_and_save(new / "state", new / "disk.img")
        new.rename(self.kept)


def directory(image: Path) -> Path:
    """The directory beside an image."""
    made = image.parent / "booted"
    made.mkdir(exist_ok=True)
    return made


def start(number: int, image: Path) -> Start:
    """How unit `number` starts from this image."""
    kept, accel = directory(image), choose_accelerator(image)
    _make_keys(kept)
    environment = inside.environment() | {"HOSTNAME": f"node{number}"}
    host_key = base64.b64encode((kept / "host").read_bytes()).decode()
    script = boot_script(number, (kept / "user.pub").read_text().strip(), host_key, environment, accel)
    status = image.stat()
    words = f"{status.st_size} {status.st_mtime_ns} {arguments(number, 0, accel, False)} {script}"
    return Start(image, script, accel, kept / f"{number}-{hashlib.sha256(words.encode()).hexdigest()[:16]}")


def _make_keys(kept: Path) -> None:
    """The keys of whoever runs commands on units, and of the sshd that lets them in."""
    for name in ("user", "host"):
        if not (kept / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", kept / name], check=True)


def choose_accelerator(image: Path) -> str:
    """kvm where the image boots with it, tcg where not: there are hosts whose /dev/kvm opens, runs a machine's firmware, and
    then crawls. What was found is kept until the host itself boots anew.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    note, host = directory(image) / "accelerator", Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with suppress(OSError, ValueError):
        known, found = note.read_text().split()
        if known == host:
            return found
    found = "kvm" if boots(image, "kvm", 15.0) else "tcg"
    new = note.with_name(f"{note.name}.{os.getpid()}")
    new.write_text(f"{host} {found}\n")
    new.rename(note)
    return found


def boots(image: Path, accelerator: str, seconds: float) -> bool:
    """Whether a unit with this image says within that time which configuration it restores. The image stays as it is."""
    argv, null = [*board(accelerator, f"{image},snapshot=on"), "-serial", "stdio"], subprocess.DEVNULL
    dying = partial(kernel.die_with_parent, signal.SIGKILL)
    unit = subprocess.Popen(argv, stdin=null, stdout=subprocess.PIPE, stderr=null, preexec_fn=dying)
    assert unit.stdout
    end, said = time.monotonic() + seconds, b""
    try:
        while b"restored" not in said and select.select([unit.stdout], [], [], max(0, end - time.monotonic()))[0]:
            if not (more := os.read(unit.stdout.fileno(), 4096)):
                break
            said += more
    finally:
        unit.kill()
        unit.communicate()
    return b"restored" in said
