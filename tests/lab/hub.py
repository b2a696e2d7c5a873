"""The hub: one process that is a lab's power supply and its cables.

It is the parent of every node's init, or of the QEMU that is a virtual one, and holds the other end of every node's eth0. What one node sends reaches all
others after the delay. It answers orders on the socket `control` in the state directory, one connection each.
When it ends, so do the nodes: the kernel sees to that.
"""

import contextlib
import heapq
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import kernel
import node as nodes
import sockets
from machine import Machine
from node import Node
from state import Trouble

#: frames taken from one node before the others get their turn
_TURN = 64


class Member(Protocol):
    """What can be plugged in: a `Node` or a `Machine`."""

    @property
    def number(self) -> int: ...
    @property
    def home(self) -> Path: ...
    def spawn(self, cable: socket.socket) -> int: ...
    def carrier(self, tap: int, on: bool) -> None: ...


@dataclass(slots=True)
class Port:
    """A node at the hub: the process that is it while it has power (else 0), its end of eth0 (else -1), the directory of what it
    wrote over its layers (else -1), whether the cable is in, and how many bytes may still cross it before it is pulled (None:
    any number)."""

    node: Member
    pid: int = 0
    tap: int = -1
    changes: int = -1
    linked: bool = True
    left: int | None = None


class Hub:
    """The ports by number, the frames under way, and what to do when a descriptor has something to say."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.ports = {member.number: Port(member) for member in members}
        self.delay = 0.0
        self.under_way: list[tuple[float, int, int, bytes]] = []
        self.sequence = count()
        self.poll = select.epoll()
        self.readers: dict[int, tuple[object, ...]] = {}

    def power_on(self, port: Port) -> None:
        """Start a node with fresh RAM layers. It says through a socket when it stands; nobody gets in before."""
        ours, theirs = socket.socketpair()
        port.pid = port.node.spawn(theirs)
        theirs.close()
        self.listen(ours.fileno(), "cable", port, ours, port.pid)

    def power_off(self, port: Port) -> None:
        """Pull the plug; returns when no process of the node is left."""
        if port.pid:
            os.kill(port.pid, signal.SIGKILL)
            os.waitpid(port.pid, 0)
            self.ended(port)

    def ended(self, port: Port) -> None:
        """A node's init has ended: let go of its eth0, and with it of its network."""
        for name in ("pid", "changes"):
            (port.node.home / name).unlink(missing_ok=True)
        port.pid = 0
        if port.tap >= 0:
            self.forget(port.tap)
            os.close(port.tap)
        if port.changes >= 0:
            os.close(port.changes)
        port.tap = port.changes = -1

    def reap(self) -> None:
        """See to nodes that ended by themselves: one that asked for a reboot gets it (reboot(2) in a pid namespace
        ends its init with SIGHUP, a halt with SIGINT), any other stays off."""
        for port in self.ports.values():
            done, status = os.waitpid(port.pid, os.WNOHANG) if port.pid else (0, 0)
            if done:
                self.ended(port)
                if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP:
                    self.power_on(port)

    def order(self, words: list[object]) -> str:
        """Carry out an order from outside; returns what is wrong with it, or nothing."""
        match words:
            case ["cut", int(number)] if number in self.ports:
                self.power_off(self.ports[number])
                self.power_on(self.ports[number])
            case ["off", int(number)] if number in self.ports:
                self.power_off(self.ports[number])
            case ["on", int(number)] if number in self.ports:
                self.power_on(self.ports[number])
            case ["link", int(number), bool(on)] if number in self.ports:
                return self.link(self.ports[number], on)
            case ["link", int(number), False, int(after)] if number in self.ports:
                self.ports[number].left = after
            case ["cable", int(number)] if number in self.ports:
                return self.link(self.ports[number], self.ports[number].linked)
            case ["delay", int() | float() as delay]:
                self.delay = delay / 1000
            case ["power", int(number)] if number in self.ports:
                return "" if self.ports[number].pid else f"node {number} has no power"
            case [_, int(number), *_]:
                return f"there is no node {number}: the lab has {', '.join(map(str, self.ports))}"
            case _:
                return f"no such order: {words}"
        return ""

    def link(self, port: Port, on: bool) -> str:
        """Plug a cable in, or pull it; what was said of bytes to come does not hold any more. Returns why the node may not
        notice, or nothing; nothing crosses a pulled cable in any case."""
        port.linked, port.left = on, None
        try:
            if port.tap >= 0:
                port.node.carrier(port.tap, on)
        except Trouble as error:
            return str(error)
        return ""

    def crosses(self, port: Port, frame: bytes) -> bool:
        """Whether the node's cable carries this frame; the first one that is too much pulls it, and is lost."""
        if port.linked and port.left is not None:
            port.left -= len(frame)
            if port.left < 0:
                self.link(port, False)
        return port.linked

    def listen(self, handle: int, kind: str, *what: object) -> None:
        """Have `handle` looked at when it can be read."""
        self.readers[handle] = (kind, *what)
        self.poll.register(handle, select.EPOLLIN)

    def forget(self, handle: int) -> None:
        """The opposite of `listen`; before the descriptor is closed."""
        if self.readers.pop(handle, None):
            self.poll.unregister(handle)

    def plug(self, port: Port, channel: socket.socket, pid: int) -> None:
        """A node stands, and hands over the other end of its eth0, and of a lab node its changes; nothing comes if it failed."""
        _, handles, _, _ = socket.recv_fds(channel, 16, 2)
        self.forget(channel.fileno())
        channel.close()
        if handles and pid != port.pid:  # it has been cut since
            for handle in handles:
                os.close(handle)
        elif handles:
            port.tap = handles[0]
            if handles[1:]:
                port.changes = handles[1]
                (port.node.home / "changes").symlink_to(f"/proc/{os.getpid()}/fd/{port.changes}")
            if not port.linked:
                self.link(port, False)
            self.listen(port.tap, "frames", port)
            (port.node.home / "pid").write_text(f"{port.pid}\n")

    def take(self, port: Port) -> None:
        """Read what a node sends and pass it on, now or later."""
        for _ in range(_TURN):
            try:
                frame = os.read(port.tap, 65536)
            except BlockingIOError:
                return
            except OSError:  # its network is just going away
                self.forget(port.tap)
                return
            if not self.crosses(port, frame):
                continue
            if self.delay or self.under_way:
                entry = (time.monotonic() + self.delay, next(self.sequence), port.node.number, frame)
                heapq.heappush(self.under_way, entry)
            else:
                self.deliver(port.node.number, frame)

    def deliver(self, sender: int, frame: bytes) -> None:
        """Give a frame to every other node whose cable is in."""
        for number, port in self.ports.items():
            if number != sender and port.tap >= 0 and self.crosses(port, frame):
                try:
                    os.write(port.tap, frame)
                except OSError:
                    continue  # not up yet, not any more, or full: frames get lost in such cases

    def run(self, control: socket.socket, alarm: socket.socket) -> None:
        """The loop; ends on SIGTERM."""
        self.listen(control.fileno(), "control", control)
        self.listen(alarm.fileno(), "alarm", alarm)
        while True:
            for handle, _ in self.poll.poll(self.patience()):
                match self.readers.get(handle):
                    case ("frames", Port() as port):
                        self.take(port)
                    case ("cable", Port() as port, socket.socket() as channel, int(pid)):
                        self.plug(port, channel, pid)
                    case ("control", _):
                        self.answer(control)
                    case ("alarm", _):
                        if signal.SIGTERM in alarm.recv(64):
                            return
                        self.reap()
            while self.under_way and self.under_way[0][0] <= time.monotonic():
                _, _, sender, frame = heapq.heappop(self.under_way)
                self.deliver(sender, frame)

    def patience(self) -> float | None:
        """Seconds until the next frame is due; None: for ever."""
        return max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else None

    def answer(self, control: socket.socket) -> None:
        """Take one order and say what is wrong with it, or nothing."""
        connection, _ = control.accept()
        with connection:
            connection.settimeout(5)
            try:
                wrong = self.order(json.loads(connection.recv(4096)))
            except (OSError, ValueError) as error:
                wrong = str(error)
            with contextlib.suppress(OSError):
                connection.sendall(wrong.encode())


def main(state: Path, number: int, lock: int, ready: int, layers: list[str]) -> None:
    """Hold a lab of `number` nodes up until SIGTERM comes, and its lock. A byte to `ready` says that it is there.

    Without layers they are virtual units.
    """
    os.umask(0o022)
    os.write(lock, b"%d\n" % os.getpid())
    wake, alarm = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    for which in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(which, lambda *_: None)
    control = sockets.listen(state / "control")
    numbers = range(1, number + 1)
    if layers:
        hide_mounts(state, numbers)
        stack = (*take_layers(state, layers[:-1]), layers[-1])
        hub = Hub([Node(each, state, stack) for each in numbers])
    else:
        hub = Hub([Machine(each, state / str(each)) for each in numbers])
    for port in hub.ports.values():
        hub.power_on(port)
    os.write(ready, b"y")
    os.close(ready)
    hub.run(control, alarm)
    for port in hub.ports.values():
        hub.power_off(port)


def hide_mounts(state: Path, numbers: Iterable[int]) -> None:
    """A mount namespace of our own, and in it each node's flash, in memory: no file system of the machine is mounted on a node,
    where it could be remounted, frozen or swapped to."""
    kernel.unshare(kernel.NEWNS)
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    for number in numbers:
        kernel.mount("flash", str(state / str(number) / "flash"), "tmpfs", data="mode=755,size=1g")


def take_layers(state: Path, layers: list[str]) -> tuple[str, ...]:
    """Copy these layers into memory: a build may replace them while the lab is up, and the kernel takes no layer that lies
    within another one. Their factory /etc hides those of lower layers."""
    kernel.mount("ram", str(state / "layers"), "tmpfs", data="mode=755")
    copies = []
    for number, layer in enumerate(layers):
        copy = state / "layers" / str(number)
        copy.mkdir()
        nodes.copy_tree(Path(layer), copy)
        os.setxattr(copy / nodes.FACTORY, "trusted.overlay.opaque", b"y")
        copies.append(str(copy))
    return tuple(copies)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
