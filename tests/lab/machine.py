"""A virtual unit: a machine of QEMU's with an image of the appliance for its disk.

eth0 is the cable to the other units, and the hub holds its other end. eth1 leads to the host and nowhere else: to the
unit's own sshd, its web UI, and to a second sshd that is no service of the unit, so that a test can get in whatever it
does to the services. What makes a unit node N, its host tells it at boot (fw_cfg): its /etc is as the factory made it.
"""

import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import kernel
import qmp

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
mkdir -p -m 700 /root/.ssh /run/harness /run/sshd
umask 077
echo {key} | tee /root/.ssh/authorized_keys >/run/harness/keys
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


#: An emulator translates a program anew wherever it is loaded, and keeps the old translations: addresses that are drawn by
#: lot make every command take twice as long, and a reset minutes, when memory is overwritten that was translated so often.
_EMULATED = "echo 0 >/proc/sys/kernel/randomize_va_space"


@dataclass(frozen=True, slots=True)
class Machine:
    """One unit: its number, and the state directory, which is the working directory of whoever uses this.

    `home` has disk.img, boot.sh, console.log, and the sockets console, ttyS1 and qmp.
    """

    number: int
    state: Path

    @property
    def home(self) -> Path:
        """What the host keeps of it."""
        return self.state / str(self.number)

    @property
    def name(self) -> str:
        """Its host name."""
        return f"node{self.number}"

    def spawn(self, cable: socket.socket) -> int:
        """Power it on; returns QEMU's pid. The other end of its eth0 goes into `cable`."""
        if pid := os.fork():
            return pid
        try:
            kernel.die_with_parent(signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            os.setsid()
            os.chdir(self.home)
            _streams()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            ours.setblocking(False)
            socket.send_fds(cable, [b"eth0"], [ours.fileno()])
            os.set_inheritable(theirs.fileno(), True)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            argv = arguments(self.number, theirs.fileno(), Path("accelerator").read_text(), Path("incoming").exists())
            os.execvp(argv[0], argv)
        except BaseException as error:
            print(f"{self.name}: cannot be started: {error}", file=sys.stderr, flush=True)
        os._exit(1)

    def carrier(self, _: int, on: bool) -> None:
        """Plug its cable in, or pull it. Trouble while it is just being powered on."""
        qmp.ask(f"{self.number}/qmp", qmp.say("set_link", name="eth0", up=on))


def accelerator(image: Path) -> str:
    """kvm where the image boots with it, tcg where not: there are hosts whose /dev/kvm opens, runs a machine's firmware, and
    then crawls. What was found is kept beside the image until the host itself boots anew.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    note, host = image.parent / "booted/accelerator", Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with suppress(OSError, ValueError):
        known, found = note.read_text().split()
        if known == host:
            return found
    found = "kvm" if boots(image, "kvm", 15.0) else "tcg"
    note.parent.mkdir(exist_ok=True)
    new = note.with_name(f"{note.name}.{os.getpid()}")
    new.write_text(f"{host} {found}\n")
    new.rename(note)
    return found


def boots(image: Path, accelerator: str, seconds: float) -> bool:
    """Whether a unit with this image says within that time which configuration it restores. The image stays as it is."""
    argv, null = [*_board(accelerator, f"{image},snapshot=on"), "-serial", "stdio"], subprocess.DEVNULL
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


def _board(accelerator: str, disk: str) -> list[str]:
    """The words that each unit's command line begins with."""
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
    return _board(accelerator, "disk.img") + words + (["-incoming", "exec:cat incoming"] if incoming else [])


def boot_script(number: int, key: str, host_key: str, environment: dict[str, str], accelerator: str) -> str:
    """What the host tells the unit: its name and addresses, and who may get in (an OpenSSH public key; the private host
    key in base64)."""
    words = " ".join(f"{name}={value}" for name, value in environment.items())
    return _BOOT.format(
        number=number, host=10 + number, address=ADDRESS, port=PORTS["exec"], environment=words,
        key=shlex.quote(key), host_key=host_key, first=_EMULATED if accelerator == "tcg" else "",
    )  # fmt: skip


def _streams() -> None:
    log = os.open("qemu.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, log, log)):
        os.dup2(source, target)
