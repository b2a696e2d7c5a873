"""A virtual unit: a machine of QEMU's with an image of the appliance for its disk.

eth0 is the cable to the other units, and the hub holds its other end. eth1 leads to the host and nowhere else: to the
unit's own sshd, its web UI, and to a second sshd that is no service of the unit, so that a test can get in whatever it
does to the services. What makes a unit node N, its host tells it at boot (fw_cfg): its /etc is as the factory made it.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kernel
import qmp
from state import Trouble

#: ports of the unit that the host reaches, by name; QEMU chooses the host's own
PORTS = {"exec": 2222, "ssh": 22, "wui": 4444}
ADDRESS = "10.0.2.15"
MEMORY = 256

_BOOT = """\
{first}
hostname node{number}
ip address add 10.32.0.{host}/24 brd + dev eth0
ip address add {address}/24 dev eth1
ip link set eth0 up
ip link set eth1 up
mkdir -p /run/harness /run/sshd/authorized_keys
umask 077
echo {key} | tee /run/sshd/authorized_keys/root >/run/harness/keys
echo {host_key} | base64 -d >/run/harness/host_key
cat >/run/harness/sshd_config <<'END'
ListenAddress {address}:{port}
HostKey /run/harness/host_key
AuthorizedKeysFile /run/harness/keys
PidFile none
UseDNS no
MaxSessions 200
ClientAliveInterval 0
SetEnv {environment}
END
umask 022
/usr/sbin/sshd -f /run/harness/sshd_config
"""


#: a line of QEMU's `info usernet`: the host's port, and the unit's
_FORWARD = re.compile(r"HOST_FORWARD\]\s+\S+\s+\S+\s+(\d+)\s+\S+\s+(\d+)")
#: An emulator translates a program anew wherever it is loaded, and keeps the old translations: addresses that are drawn by
#: lot make every command take twice as long, and a reset minutes, when memory is overwritten that was translated so often.
_EMULATED = "echo 0 >/proc/sys/kernel/randomize_va_space"


@dataclass(frozen=True, slots=True)
class Machine:
    """One unit's QEMU: its number, and the directory that the host keeps for the unit.

    There, these files are this module's own: disk.img, boot.sh (what the unit is told at boot), accelerator, incoming (a link to the
    state that it goes on from when it gets power), console.log, qemu.log, and the sockets console, ttyS1 and qmp.
    """

    number: int
    home: Path

    @property
    def name(self) -> str:
        """Its host name."""
        return f"node{self.number}"

    def prepare(self, script: str, accelerator: str, disk: Path, incoming: Path | None) -> None:
        """All that it needs to be powered on: a copy of that disk, and the kept state that belongs to it, if there is one."""
        (self.home / "boot.sh").write_text(script)
        (self.home / "accelerator").write_text(accelerator)
        if incoming:
            (self.home / "incoming").symlink_to(incoming)
        self.copy_disk(disk, self.home / "disk.img")

    def spawn(self, cable: socket.socket) -> int:
        """Power it on; returns QEMU's pid. The other end of its eth0 goes into `cable`."""
        if pid := os.fork():
            return pid
        try:
            kernel.die_with_parent(signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            os.setsid()
            os.chdir(self.home)  # QEMU's, whose sockets have short names there
            _redirect_streams()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            ours.setblocking(False)
            socket.send_fds(cable, [b"eth0"], [ours.fileno()])
            os.set_inheritable(theirs.fileno(), True)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            accelerator = Path("accelerator").read_text()
            argv = arguments(self.number, theirs.fileno(), accelerator, incoming=self.is_incoming())
            os.execvp(argv[0], argv)
        except BaseException as error:
            print(f"{self.name}: cannot be started: {error}", file=sys.stderr, flush=True)
        os._exit(1)

    def set_carrier(self, _: int, on: bool) -> None:
        """Plug its cable in, or pull it. Trouble while it is just being powered on."""
        self._ask(qmp.command("set_link", name="eth0", up=on))

    def console_tail(self) -> str:
        """The last lines that the unit has written to its console, without what moves a cursor."""
        lines = (self.home / "console.log").read_text(errors="replace").splitlines()[-40:]
        return "\n".join("".join(sign for sign in line if sign.isprintable()) for line in lines)

    def ports(self, seconds: float = 0.0) -> dict[str, int]:
        """The host's own ports that lead to the unit, by the names in PORTS. A QEMU that was started just now gets that long to
        answer; Trouble after that."""
        end = time.monotonic() + seconds
        while True:
            try:
                (said,) = self._ask(qmp.command("human-monitor-command", **{"command-line": "info usernet"}))
                break
            except Trouble:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.05)
        found = {int(port): int(ours) for ours, port in _FORWARD.findall(said)}
        return {name: found[port] for name, port in PORTS.items() if port in found}

    def is_incoming(self) -> bool:
        """Does it go on from a kept state, now or when it gets power next?"""
        return (self.home / "incoming").exists()

    def forget_incoming(self) -> None:
        """From now on, power has it boot."""
        (self.home / "incoming").unlink(missing_ok=True)

    def go_on(self) -> None:
        """Let it run that was stopped, as soon as it has been loaded."""
        while self._ask(qmp.command("query-status"))[0]["status"] == "inmigrate":
            time.sleep(0.02)
        self._ask(qmp.command("cont"))

    def stop_and_save(self, state: Path, disk: Path) -> None:
        """Stop it, and write all that it is into these files. Trouble if that cannot be done."""
        self._ask(qmp.command("stop"), qmp.command("migrate", uri=f"exec:cat >'{state}'"))
        while (status := self._ask(qmp.command("query-migrate"))[0]["status"]) != "completed":
            if status in ("failed", "cancelled"):
                raise Trouble(f"node {self.number}: its state cannot be kept: {status}")
            time.sleep(0.05)
        self.copy_disk(self.home / "disk.img", disk)

    @staticmethod
    def copy_disk(source: Path, target: Path) -> None:
        """A copy that takes no more room than what is in it."""
        subprocess.run(["cp", "--sparse=always", source, target], check=True)

    def _ask(self, *commands: dict[str, Any]) -> list[Any]:
        return qmp.ask(self.home / "qmp", *commands)


def board(accelerator: str, disk: str) -> list[str]:
    """The words that the command line of any unit begins with."""
    # Else each unit's translated code grows to a gigabyte. The plainest processor is a tenth faster than `max` to emulate.
    accel, cpu = ("tcg,tb-size=256", "qemu64") if accelerator == "tcg" else (accelerator, "max")
    return shlex.split(f"""
        qemu-system-x86_64 -M pc -accel {accel} -cpu {cpu} -smp 2 -m {MEMORY} -nodefaults -no-user-config -display none
        -drive file={shlex.quote(disk)},if=virtio,format=raw
    """)


def arguments(number: int, cable: int, accelerator: str, incoming: bool) -> list[str]:
    """QEMU's command line."""
    forwards = ",".join(f"hostfwd=tcp:127.0.0.1:0-{ADDRESS}:{port}" for port in PORTS.values())
    mac = f"02:00:0a:20:%02x:{10 + number:02x}"
    words = shlex.split(f"""
        -name node{number} -watchdog-action reset -device i6300esb -device virtio-rng-pci
        -netdev dgram,id=cable,local.type=fd,local.str={cable}
        -device virtio-net-pci,id=eth0,netdev=cable,mac={mac % 0},romfile=
        -netdev user,id=host,restrict=on,{forwards} -device virtio-net-pci,id=eth1,netdev=host,mac={mac % 1},romfile=
        -chardev socket,id=console,path=console,server=on,wait=off,logfile=console.log,logappend=on -serial chardev:console
        -chardev socket,id=line,path=ttyS1,server=on,wait=off -serial chardev:line
        -qmp unix:qmp,server=on,wait=off
        -fw_cfg name=opt/csyncd/boot,file=boot.sh
    """)
    return board(accelerator, "disk.img") + words + (["-incoming", "exec:cat incoming"] if incoming else [])


def boot_script(number: int, key: str, host_key: str, environment: dict[str, str], accelerator: str) -> str:
    """What the host tells the unit: its name and addresses, and who may get in (an OpenSSH public key; the private host
    key in base64)."""
    words = " ".join(f"{name}={value}" for name, value in environment.items())
    return _BOOT.format(
        number=number, host=10 + number, address=ADDRESS, port=PORTS["exec"], environment=words,
        key=shlex.quote(key), host_key=host_key, first=_EMULATED if accelerator == "tcg" else "",
    )  # fmt: skip


def _redirect_streams() -> None:
    log = os.open("qemu.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, log, log)):
        os.dup2(source, target)
