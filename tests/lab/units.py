"""What `up`, `reboot` and `cut` do with virtual units.

A fresh unit begins where an earlier one had booted from the same image, if there was one (booted.py). A unit that is rebooted, or
gets its power back, boots for real.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import booted
import console
import lab
from machine import Machine
from remote import Remote
from state import Trouble

#: seconds that a unit has to boot, under emulation and beside others
PATIENCE = 420.0
#: says "booted" as soon as it has; if that takes longer, says nothing, and leaves nothing behind in the unit
_AWAIT_BOOT = "for look in $(seq 100); do [ ! -e /run/firmware/booted ] || { echo booted; break; }; sleep 0.2; done"
#: seconds after which nobody is there any more who would answer it
_SILENCE = 90.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of the lab in a state directory."""

    number: int
    state: Path

    @property
    def machine(self) -> Machine:
        """The QEMU that it is."""
        return Machine(self.number, self.state / str(self.number))

    @property
    def remote(self) -> Remote:
        """The way for commands to get in."""
        return Remote(str(self.state / str(self.number)), self.number)

    def reboot(self, command: list[str]) -> None:
        """An orderly reboot, asked for as an operator does; or one that another command leads to."""
        self._require_power()
        before = self._boot_id()
        with suppress(Trouble):  # it may end the connection before it has an answer
            self.remote.output(*command, seconds=60)
        self._await_other_boot(before)
        self._await_services()

    def cut(self) -> None:
        """A power cut, then power on; returns when the unit has booted."""
        lab.send_order(self.state, "off", self.number)
        self.remote.disconnect()
        self.machine.forget_incoming()
        lab.send_order(self.state, "on", self.number)
        self.machine.ports(seconds=10)
        lab.send_order(self.state, "cable", self.number)  # QEMU starts with the cable in
        self.enter()
        self._await_services()

    def enter(self) -> None:
        """Open the way in, after the unit has got power; one that was stopped when it was kept goes on now."""
        ports = self.machine.ports(seconds=10)
        if self.machine.is_incoming():
            self.machine.go_on()
        keys = self.state / "keys"
        self.remote.configure(ports, str(keys / "user"), (keys / "host.pub").read_text())
        self.remote.connect(PATIENCE)

    def finish_up(self, start: booted.Start) -> None:
        """The last steps of `up`: what has slept gets the time and chance of its own; what has booted is kept."""
        if self.machine.is_incoming():
            self.machine.forget_incoming()
            set_clock = f"cat >/dev/urandom; date -u -s @{time.time():.0f} >/dev/null"
            self.remote.output("sh", "-c", set_clock, data=os.urandom(512))
            return
        self._await_services()
        if not start.kept.exists():
            self.remote.output("sync")
            self.remote.disconnect()
            start.keep(self.machine)
            self.machine.go_on()
            self.remote.connect(PATIENCE)

    def attach(self) -> None:
        """A terminal on its serial console."""
        self._require_power()
        console.attach(self.state / str(self.number))

    def ports_json(self) -> str:
        """The host's own ports that lead to it, for programs."""
        self._require_power()
        return json.dumps(self.machine.ports())

    def _await_other_boot(self, before: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            self.remote.disconnect()
            self.remote.connect(max(0.0, end - time.monotonic()))
            with suppress(Trouble):  # it goes down just now
                if self._boot_id() != before:
                    return
            if time.monotonic() > end:
                raise Trouble(f"node {self.number} has not rebooted after {PATIENCE:.0f} s")
            time.sleep(0.5)

    def _await_services(self) -> None:
        """Wait until it has booted; one that starts once more meanwhile, as a watchdog has it do, breaks the connection."""
        end, wrong = time.monotonic() + PATIENCE, "it has not booted"
        while time.monotonic() < end:
            try:
                if self.remote.output("sh", "-c", _AWAIT_BOOT, seconds=_SILENCE):
                    return
            except Trouble as error:
                wrong = str(error)
                self.remote.disconnect()
                self.remote.connect(max(0.0, end - time.monotonic()))
        raise Trouble(f"node {self.number}: {wrong}\nwhat is on its console:\n{self.machine.console_tail()}")

    def _boot_id(self) -> str:
        return self.remote.output("cat", "/proc/sys/kernel/random/boot_id", seconds=5)

    def _require_power(self) -> None:
        """Trouble if there is no such unit, or it is off."""
        lab.send_order(self.state, "power", self.number)


@dataclass(frozen=True, slots=True)
class Units:
    """All units of the lab in a state directory. Its files `keys` (a link to what is kept beside the image) and `ssh_config` (for
    people) are this module's own.
    """

    state: Path

    def unit(self, number: int) -> Unit:
        """One of them, whether it is there or not."""
        return Unit(number, self.state)

    def up(self, count: int, image: Path, *, cold: bool) -> None:
        """Fresh units 1 to `count`, booted; with `cold` from power-on, whatever is kept. Those that are there go first."""
        _require_disk(image)
        lab.claim_directory(self.state, "qemu")
        units = [self.unit(number) for number in range(1, count + 1)]
        starts = [booted.start(unit.number, image) for unit in units]
        for unit, start in zip(units, starts, strict=True):
            unit.machine.home.mkdir(mode=0o700)  # the disk has keys and passwords
            start.prepare(unit.machine, cold=cold)
        (self.state / "keys").symlink_to(booted.directory(image))
        lab.start_hub(self.state, count, [])
        if any(unit.machine.is_incoming() for unit in units):
            print("they wake as they were when they had first booted from this image")
        for unit in units:
            unit.enter()
        (self.state / "ssh_config").write_text("".join(f"Include {unit.remote.home}/login\n" for unit in units))
        for unit, start in zip(units, starts, strict=True):
            unit.finish_up(start)


def _require_disk(image: Path) -> None:
    if not image.exists():
        raise Trouble(f"{image}: there is no image\nhint: make -f image.mk image")
    with open(image, "rb") as disk:
        if disk.read(520)[512:] != b"EFI PART":
            raise Trouble(f"{image}: it is no disk image: there is no GPT in it\nhint: make -f image.mk image")
