"""A unit that is simulated: the real agent on a pseudo terminal, with files in a directory. What would be done to the machine
itself (clock, network, services, self-test) is only noted."""

import os
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import directory_node

from firmware.errors import Lost
from firmware.flows.identity import publish
from firmware.provision.answers import PairChecked, PartResult, Port, SelfTestResults, TimeIsSet
from firmware.provision.questions import CheckPair, SelfTest
from firmware.provisioning.agent import Agent
from firmware.provisioning.handlers import Handlers
from firmware.provisioning.unit import Deeds, Places, Unit
from firmware.store import generations
from firmware.store import identity as store
from firmware.store.generations import SaveResult
from firmware.store.identity import Standing
from firmware.store.paths import Paths

CONFIG = """service system

service network eth0
\tip address 192.168.0.200/24

service csyncd
\tno autostart
"""
CSYNCD_CFG = "# this node\nLOCAL_IP=\nREMOTE_IP=\nLOCAL_NODE=\nREMOTE_NODE=\n"


@dataclass
class SimulatedUnit:
    """One unit: `line` is the path of the terminal that a host opens. `number` makes its link-layer addresses."""

    top: Path
    number: int = 1
    #: the names of tests that it fails, with what is said of each
    broken: dict[str, str] = field(default_factory=dict)
    #: called with the name of each step before it is done, and after; may raise
    on_step: Callable[[str, str], None] = lambda step, when: None
    applied: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.node: Paths = directory_node.make(self.top)
        for place in (self.node.factory, self.node.etc):
            directory_node.write(place / "config.rc", CONFIG)
            directory_node.write(place / "csyncd/csyncd.cfg", CSYNCD_CFG)
        (self.top / "identity").mkdir()
        (self.top / "run").mkdir(exist_ok=True)
        self.places = Places(
            Paths(self.node.etc, self.node.factory, self.top / "identity", self.node.run), self.top / "no-device",
            self.top / "lock/identity", self.top / "published", self.node.etc, self.top / "lock/config",
            self.top / "lock/accounts", self.top / "trail",
        )  # fmt: skip
        self._outer, self._inner = os.openpty()
        tty.setraw(self._outer)
        tty.setraw(self._inner)
        #: where a host speaks with it
        self.line = os.ttyname(self._inner)
        self._thread: threading.Thread | None = None
        self._agent: Agent | None = None
        self._stop = threading.Event()
        self.boot()

    @property
    def ports(self) -> tuple[Port, ...]:
        """Its cards."""
        return tuple(
            Port(f"eth{n}", f"02:00:5e:{n:02x}:{self.number >> 8:02x}:{self.number & 255:02x}", "sim", True)
            for n in (0, 1)
        )

    def standing(self) -> Standing:
        """What its identity partition says."""
        return store.standing(self.places.partition, device=self.places.device, lock=self.places.identity_lock)

    def boot(self) -> None:
        """What a boot does about its identity; the agent does not run yet."""
        publish(self.standing(), directory=self.places.published)
        (self.places.published / "steps").unlink(missing_ok=True)

    def start(self) -> None:
        """Have the agent run, as a unit that is not locked does; a locked one answers as its script does."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop_serving(self) -> None:
        """Have the agent end where it is, without an answer; `stop` waits for that."""
        self._stop.set()

    def lose_power(self) -> None:
        """What lies in RAM is gone; what is saved, and the identity, is there again."""
        directory_node.reboot(self.node)
        self.boot()

    def agent_bytes(self) -> int:
        """What the agent keeps of what came over the line."""
        assert self._agent is not None
        partial = self._agent._assembler._partial.values()
        texts = sum(len(text) for parts in partial for text in parts.values())
        return len(self._agent._decoder._rest) + texts + len(self._agent._answer)

    def stop(self) -> None:
        """End whatever answers, at once: the power is cut, or it is killed."""
        self._stop.set()
        if self._thread:
            self._thread.join(30)
            assert not self._thread.is_alive()

    def halt(self) -> None:
        """The power is cut, in the middle of a step: `on_step` says so."""
        self._stop.set()

    def close(self) -> None:
        """End it, and the terminal."""
        self.stop()
        os.close(self._outer)
        os.close(self._inner)

    def _run(self) -> None:
        channel = _Descriptor(self._outer, self._stop)
        try:
            if not (self.places.published / "locked").exists():
                self._agent = agent = Agent(channel)
                handlers = Handlers(self.unit(), agent.say)
                table = {step: self._watching(step, act) for step, act in handlers.table().items()}
                agent.serve(table, handlers.is_locked)
            while True:  # the script of a locked unit
                if b"\n" in channel.read(1.0):
                    channel.write((self.places.published / "locked").read_bytes())
        except Lost:
            return

    def _watching(self, step: str, act: Callable[[object], object]) -> Callable[[object], object]:
        def carry_out(question: object) -> object:
            self.on_step(step, "before")
            answer = act(question)
            self.on_step(step, "after")
            return answer

        return carry_out

    def unit(self) -> Unit:
        """What the agent acts on."""
        return Unit(
            self.places,
            Deeds(
                lambda: self.ports, self._test, lambda now: TimeIsSet(0.0, now, True), lambda name: ("192.0.2.1/24",),
                self.applied.append, self._check_pair, self._save, lambda: "a",
            ),
        )  # fmt: skip

    def _test(self, question: SelfTest, say: Callable[[str], None]) -> SelfTestResults:
        names = [
            "memory",
            "flash",
            *(["rtc"] * question.rtc),
            *(["watchdog"] * question.watchdog),
            *(f"port {one.name}" for one in self.ports),
        ]
        for name in names:
            say(name)
        return SelfTestResults(
            tuple(PartResult(name, name not in self.broken, self.broken.get(name, "good"), 0.0) for name in names)
        )

    def _check_pair(self, question: CheckPair) -> PairChecked:
        return PairChecked("green", (), "applied" if question.push else "")

    def _save(self, message: str) -> SaveResult:
        return generations.save(message, who="provisioning", paths=self.node)


class _Descriptor:
    """The unit's end of the terminal; Lost once the unit is stopped."""

    def __init__(self, handle: int, stop: threading.Event) -> None:
        self._handle, self._stop = handle, stop
        os.set_blocking(handle, False)

    def read(self, seconds: float, /) -> bytes:
        import select

        # what is short is a look whether a step is done: these are done at once
        end = time.monotonic() + (seconds if seconds > 0.2 else seconds / 10)
        while not self._stop.is_set():
            left = end - time.monotonic()
            if select.select([self._handle], [], [], max(0.0, min(0.05, left)))[0]:
                try:
                    return os.read(self._handle, 4096)
                except OSError:
                    time.sleep(0.01)
            if left <= 0:
                return b""
        raise Lost("stopped")

    def write(self, data: bytes, /) -> None:
        if self._stop.is_set():
            raise Lost("stopped")
        rest = data
        while rest and not self._stop.is_set():
            try:
                rest = rest[os.write(self._handle, rest) :]
            except BlockingIOError:
                time.sleep(0.002)
