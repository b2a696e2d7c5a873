"""A lab node: the stack it is built of.

A node is a set of namespaces whose root is a RAM layer over read-only ones. Its pid 1 is a child of the hub
(hub.py) and dies with it; with pid 1 go its processes, its mounts and its network. Only its flash stays, as long as the
hub does.
"""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import inside
import kernel
import mounts
import privileges

_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_TUN = {"net/tun": (10, 200)}
_DEVICE_LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_RAM = {"etc": "755", "run": "755", "tmp": "1777", "var": "755", "dev": "755", "root": "700"}
_VAR = ("cache", "empty", "lib/haproxy", "lib/misc", "log", "spool", "tmp")
#: what of /proc is the machine's own, and can be written to by root
_HOSTS_PROC = (
    "acpi",
    "asound",
    "bus",
    "driver",
    "dynamic_debug",
    "fs",
    "irq",
    "mtrr",
    "pressure",
    "scsi",
    "slabinfo",
    "sys",
    "tty",
)
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its number, the lab's state directory, and the read-only layers of its root, topmost first."""

    number: int
    state: Path
    layers: tuple[str, ...]

    @property
    def home(self) -> Path:
        """What the host keeps of it: pid, changes, console.log, and the places where the hub mounts its flash, and it its root."""
        return self.state / str(self.number)

    @property
    def name(self) -> str:
        """Its host name."""
        return f"node{self.number}"

    def spawn(self, cable: socket.socket) -> int:
        """Power it on; returns the pid of its init. Into `cable` go, once everything stands, the other end of its eth0 and the
        directory of what is written over its layers."""
        host = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        kernel.unshare(kernel.NEWPID)
        pid = os.fork()
        if not pid:
            _become_init(self, cable)
        kernel.enter(host, kernel.NEWPID)
        os.close(host)
        return pid

    def set_carrier(self, tap: int, on: bool) -> None:
        """Plug its cable in, or pull it."""
        kernel.set_carrier(tap, on)


def _become_init(node: Node, cable: socket.socket) -> NoReturn:
    """Turn this process, the first one of a new pid namespace, into the node's init."""
    try:
        kernel.die_with_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        os.setsid()
        _redirect_streams(node)
        kernel.unshare(kernel.NODE)
        socket.sethostname(node.name)
        tap = _make_network(node)
        changes = _mount_root(node)
        socket.send_fds(cable, [b"eth0"], [tap, changes])
        os.closerange(3, 1 << 16)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        privileges.give_up()
        os.execve("/bin/busybox", ["init"], inside.environment())
    except BaseException as error:
        print(f"{node.name}: cannot be started: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def _redirect_streams(node: Node) -> None:
    log = os.open(node.home / "console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, log, log)):
        os.dup2(source, target)


def _make_network(node: Node) -> int:
    tap = kernel.open_tap("eth0")
    orders = f"""
        link set lo up
        link set eth0 address 02:00:0a:20:00:{10 + node.number:02x}
        address add 10.32.0.{10 + node.number}/24 brd + dev eth0
        link set eth0 up
    """
    subprocess.run(["ip", "-batch", "-"], input=orders.encode(), check=True, env={"PATH": inside.PATH})
    return tap


def _mount_root(node: Node) -> int:
    base = node.home / "root"
    kernel.mount("ram", str(base), "tmpfs", data="mode=755")
    for name in ("upper", "work", "root"):
        (base / name).mkdir()
    changes = os.open(base / "upper", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    lower = ":".join(layer.replace("\\", "\\\\").replace(":", "\\:") for layer in node.layers)
    os.chdir(base)
    kernel.mount("overlay", "root", "overlay", data=f"lowerdir={lower},upperdir=upper,workdir=work")
    os.chdir("root")
    _mount_inside(node)
    subprocess.run(["pivot_root", ".", "."], check=True, env={"PATH": inside.PATH})
    kernel.unmount_lazily(".")
    os.chdir("/")
    return changes


def _mount_inside(node: Node) -> None:
    for name in (*_RAM, "proc", "sys", "flash"):
        os.makedirs(name, exist_ok=True)
    for name, mode in _RAM.items():
        kernel.mount("ram", name, "tmpfs", kernel.MS_NOSUID, f"mode={mode}")
    mounts.copy_tree(Path(mounts.FACTORY), Path("etc"))
    _fill_var()
    _fill_dev()
    _fill_proc()
    _set_sysctls(Path("usr/lib/sysctl.d/appliance.conf").read_text())
    kernel.mount("sysfs", "sys", "sysfs", _QUIET | kernel.MS_NOEXEC | kernel.MS_RDONLY)
    kernel.mount(str(node.home / "flash"), "flash", flags=kernel.MS_BIND)


def _fill_var() -> None:
    for name in _VAR:
        os.makedirs(f"var/{name}")
    os.chmod("var/tmp", 0o1777)
    os.symlink("/run", "var/run")
    os.symlink("/run/lock", "var/lock")
    os.mkdir("run/lock")
    os.chmod("run/lock", 0o1777)


def _fill_dev() -> None:
    for name in ("net", "pts", "shm"):
        os.mkdir(f"dev/{name}")
    os.umask(0)
    for name, (major, minor) in (_DEVICES | _TUN).items():
        os.mknod(f"dev/{name}", 0o020666, os.makedev(major, minor))
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"dev/{name}")
    os.umask(0o022)
    options = "newinstance,ptmxmode=0666,mode=620,gid=5"
    kernel.mount("devpts", "dev/pts", "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, options)
    kernel.mount("shm", "dev/shm", "tmpfs", _QUIET, "mode=1777")


def _set_sysctls(text: str) -> None:
    """What a unit sets before its first service, as far as it is a node's own; what begins with `-` may not be there."""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        path = Path("proc/sys", *key.strip().removeprefix("-").split("."))
        if path.is_relative_to("proc/sys/net") and (path.exists() or not key.startswith("-")):
            path.write_text(value.strip())


def _fill_proc() -> None:
    """A node may set what is its own, the network's sysctls; all else that can be set below /proc is the machine's."""
    kernel.mount("proc", "proc", "proc", _QUIET | kernel.MS_NOEXEC)
    for name in _HOSTS_PROC:
        if os.path.exists(f"proc/{name}"):
            _bind(f"proc/{name}", kernel.MS_RDONLY)
    _bind("proc/sys/net", 0)
    if os.path.exists("proc/sysrq-trigger"):
        kernel.mount("dev/null", "proc/sysrq-trigger", flags=kernel.MS_BIND)


def _bind(name: str, flags: int) -> None:
    """Mount it over itself, with these flags."""
    kernel.mount(name, name, flags=kernel.MS_BIND)
    kernel.mount("none", name, flags=kernel.MS_BIND | kernel.MS_REMOUNT | _QUIET | kernel.MS_NOEXEC | flags)
