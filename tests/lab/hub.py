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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import mounts
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
    def set_carrier(self, tap: int, on: bool) -> None: ...


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
    bytes_left: int | None = None


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
        self.watch(ours.fileno(), "cable", port, ours, port.pid)

    def power_off(self, port: Port) -> None:
        """Pull the plug; returns when no process of the node is left."""
        if port.pid:
            os.kill(port.pid, signal.SIGKILL)
            os.waitpid(port.pid, 0)
            self.clear(port)

    def clear(self, port: Port) -> None:
        """A node's init has ended: let go of its eth0, and with it of its network."""
        for name in ("pid", "changes"):
            (port.node.home / name).unlink(missing_ok=True)
        port.pid = 0
        if port.tap >= 0:
            self.unwatch(port.tap)
            os.close(port.tap)
        if port.changes >= 0:
            os.close(port.changes)
        port.tap = port.changes = -1

    def reap_nodes(self) -> None:
        """See to nodes that ended by themselves: one that asked for a reboot gets it (reboot(2) in a pid namespace
        ends its init with SIGHUP, a halt with SIGINT), any other stays off."""
        for port in self.ports.values():
            done, status = os.waitpid(port.pid, os.WNOHANG) if port.pid else (0, 0)
            if done:
                self.clear(port)
                if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP:
                    self.power_on(port)

    def carry_out(self, words: list[object]) -> str:
        """Carry out an order from outside; returns what is wrong with it, or nothing."""
        match words:
            case ["delay", int() | float() as delay]:
                self.delay = delay / 1000
                return ""
            case [str(verb), int(number), *more] if number in self.ports:
                return self.carry_out_for(self.ports[number], verb, more)
            case [_, int(number), *_]:
                return f"there is no node {number}: the lab has {', '.join(map(str, self.ports))}"
        return f"no such order: {words}"

    def carry_out_for(self, port: Port, verb: str, more: list[object]) -> str:
        """The same for an order about one node."""
        match [verb, *more]:
            case ["off" | "cut"]:
                self.power_off(port)
                if verb == "cut":
                    self.power_on(port)
            case ["on"]:
                self.power_on(port)
            case ["power"]:
                return "" if port.pid else f"node {port.node.number} has no power"
            case ["link", bool(on)]:
                return self.set_cable(port, on)
            case ["link", False, int(after)]:
                port.bytes_left = after
            case ["cable"]:
                return self.set_cable(port, port.linked)
            case _:
                return f"no such order: {[verb, *more]}"
        return ""

    def set_cable(self, port: Port, on: bool) -> str:
        """Plug a cable in, or pull it; what was said of bytes to come does not hold any more. Returns why the node may not
        notice, or nothing; nothing crosses a pulled cable in any case."""
        port.linked, port.bytes_left = on, None
        try:
            if port.tap >= 0:
                port.node.set_carrier(port.tap, on)
        except Trouble as error:
            return str(error)
        return ""

    def carries(self, port: Port, frame: bytes) -> bool:
        """Whether the node's cable carries this frame; the first one that is too much pulls it, and is lost."""
        if port.linked and port.bytes_left is not None:
            port.bytes_left -= len(frame)
            if port.bytes_left < 0:
                self.set_cable(port, False)
        return port.linked

    def watch(self, handle: int, kind: str, *what: object) -> None:
        """Have `handle` looked at when it can be read."""
        self.readers[handle] = (kind, *what)
        self.poll.register(handle, select.EPOLLIN)

    def unwatch(self, handle: int) -> None:
        """The opposite of `watch`; before the descriptor is closed."""
        if self.readers.pop(handle, None):
            self.poll.unregister(handle)

    def connect(self, port: Port, channel: socket.socket, pid: int) -> None:
        """A node stands, and hands over the other end of its eth0, and of a lab node its changes; nothing comes if it failed."""
        _, handles, _, _ = socket.recv_fds(channel, 16, 2)
        self.unwatch(channel.fileno())
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
                self.set_cable(port, False)
            self.watch(port.tap, "frames", port)
            (port.node.home / "pid").write_text(f"{port.pid}\n")

    def read_frames(self, port: Port) -> None:
        """Read what a node sends and pass it on, now or later."""
        for _ in range(_TURN):
            try:
                frame = os.read(port.tap, 65536)
            except BlockingIOError:
                return
            except OSError:  # its network is just going away
                self.unwatch(port.tap)
                return
            if not self.carries(port, frame):
                continue
            if self.delay or self.under_way:
                entry = (time.monotonic() + self.delay, next(self.sequence), port.node.number, frame)
                heapq.heappush(self.under_way, entry)
            else:
                self.deliver(port.node.number, frame)

    def deliver(self, sender: int, frame: bytes) -> None:
        """Give a frame to every other node whose cable is in."""
        for number, port in self.ports.items():
            if number != sender and port.tap >= 0 and self.carries(port, frame):
                try:
                    os.write(port.tap, frame)
                except OSError:
                    continue  # not up yet, not any more, or full: frames get lost in such cases

    def run(self, control: socket.socket, alarm: socket.socket) -> None:
        """The loop; ends on SIGTERM."""
        self.watch(control.fileno(), "control", control)
        self.watch(alarm.fileno(), "alarm", alarm)
        while True:
            for handle, _ in self.poll.poll(self.seconds_until_due()):
                match self.readers.get(handle):
                    case ("frames", Port() as port):
                        self.read_frames(port)
                    case ("cable", Port() as port, socket.socket() as channel, int(pid)):
                        self.connect(port, channel, pid)
                    case ("control", _):
                        self.answer_order(control)
                    case ("alarm", _):
                        if signal.SIGTERM in alarm.recv(64):
                            return
                        self.reap_nodes()
            while self.under_way and self.under_way[0][0] <= time.monotonic():
                _, _, sender, frame = heapq.heappop(self.under_way)
                self.deliver(sender, frame)

    def seconds_until_due(self) -> float | None:
        """Seconds until the next frame is due; None: for ever."""
        return max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else None

    def answer_order(self, control: socket.socket) -> None:
        """Take one order and say what is wrong with it, or nothing."""
        connection, _ = control.accept()
        with connection:
            connection.settimeout(5)
            try:
                wrong = self.carry_out(json.loads(connection.recv(4096)))
            except (OSError, ValueError) as error:
                wrong = str(error)
            with contextlib.suppress(OSError):
                connection.sendall(wrong.encode())


def main(state: Path, count: int, lock: int, ready: int, layers: list[str]) -> None:
    """Hold a lab of `count` nodes up until SIGTERM comes, and its lock. A byte to `ready` says that it is there.

    Without layers they are virtual units.
    """
    os.umask(0o022)
    os.write(lock, b"%d\n" % os.getpid())
    alarm = _receive_signals()
    control = sockets.listen(state / "control")
    hub = Hub(_lab_nodes(state, count, layers) if layers else _units(state, count))
    for port in hub.ports.values():
        hub.power_on(port)
    os.write(ready, b"y")
    os.close(ready)
    hub.run(control, alarm)
    for port in hub.ports.values():
        hub.power_off(port)


def _receive_signals() -> socket.socket:
    """From where the numbers of the signals come that the hub waits for."""
    wake, alarm = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.detach())
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return alarm


def _lab_nodes(state: Path, count: int, layers: list[str]) -> list[Node]:
    numbers = range(1, count + 1)
    mounts.hide_mounts(state, numbers)
    stack = (*mounts.copy_layers(state, layers[:-1]), layers[-1])
    return [Node(number, state, stack) for number in numbers]


def _units(state: Path, count: int) -> list[Machine]:
    return [Machine(number, state / str(number)) for number in range(1, count + 1)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
