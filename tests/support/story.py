"""The main job, played on two real nodes in the order of the user's document, with the time that each step took.

Run by `make -f image.mk run` (virtual units) and `make -f image.mk lab`. Every step is a command that an operator would type; the story ends at the first that
does not do what it should, and its exit status is 0 only if all of it held.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lab_driver import PATIENCE, Failed, Lab, eventually

T = TypeVar("T")

ADDRESSES = {1: "10.32.0.11", 2: "10.32.0.12"}
CONFIG = "/etc/haproxy/haproxy.cfg"
FETCH = "import sys,urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


def page(text: str, port: int = 8080) -> str:
    """A haproxy.cfg that answers every request on that port with `text`."""
    return f"""\
global
    log /dev/log local0
    maxconn 1000

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s

frontend web
    bind :{port}
    http-request return status 200 content-type text/plain string "{text}"
"""


def settings(node: int) -> str:
    """The csyncd.cfg of a node, as in the document."""
    other = 3 - node
    return f"LOCAL_IP={ADDRESSES[node]}\nREMOTE_IP={ADDRESSES[other]}\nLOCAL_NODE={node}\nREMOTE_NODE={other}\n"


class Broken(Exception):
    """A step did not do what it should."""


@dataclass
class Stage:
    """The nodes on which a story is played, and how its steps are told."""

    lab: Lab
    tell: Callable[[str], None] = print
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Play one step and tell what it was and how long it took."""
        start = time.monotonic()
        yield
        self.tell(f"{time.monotonic() - self.began:6.1f} s  {text}  ({time.monotonic() - start:.2f} s)")

    def on(self, node: int, *command: str, expect: int = 0) -> str:
        """Run a command on a node, and hold it to its exit status. Returns all that it said."""
        done = self.lab.run(node, *command, check=False, timeout=200)
        said = done.stdout + done.stderr
        if done.status != expect:
            raise Broken(f"node {node}: {' '.join(command)}: exit status {done.status}, not {expect}\n{said}")
        return said

    def json(self, node: int, *command: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.on(node, *command, "--json"))

    def edit(self, node: int, text: str) -> None:
        """Edit haproxy.cfg and apply it."""
        self.lab.write(node, CONFIG, text)
        self.on(node, "service", "haproxy", "apply")

    def serves(self, node: int, want: str, port: int = 8080) -> None:
        """Hold haproxy on a node to what it answers over a real connection from the other one."""
        got = self.on(3 - node, "/usr/bin/python3", "-c", FETCH, f"http://{ADDRESSES[node]}:{port}/").strip()
        if got != want:
            raise Broken(f"node {node}: haproxy answers {got!r}, not {want!r}")

    def shows(self, node: int, want: str, *words: str, within: float = PATIENCE) -> Any:
        """Hold a node to the state of the pair that it shows, within some seconds, and to words of its reasons: while daemons
        restart, it may be of that colour for another one. Returns the report in which they all stand."""
        report: dict[str, Any] = {}

        def is_so() -> bool:
            report.update(self.json(node, "csync", "status"))
            said = "\n".join(report["reasons"])
            return report["state"] == want and all(word in said for word in words)

        if not eventually(is_so, within):
            told = f"the state is {report['state']}, not {' with '.join((want, *words))}: {report['reasons']}"
            raise Broken(f"node {node}: {told}")
        return report


def both(act: Callable[[int], T]) -> tuple[T, T]:
    """Do it on both nodes at the same time."""
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(act, (1, 2))
    return one, two


def enable(stage: Stage, node: int) -> None:
    """Enable the csyncd service."""
    stage.lab.write(node, "/etc/csyncd/csyncd.cfg", settings(node))
    stage.on(node, "config", "set", "csyncd", "autostart", "on")
    stage.on(node, "config", "save", "-m", "csyncd enabled")


def make_keys(stage: Stage, node: int) -> str:
    """Make a node's keys, while csyncd is stopped. Returns its pairing code."""
    stage.on(node, "service", "csyncd", "stop")
    stage.on(node, "csync", "genkey")
    return str(stage.json(node, "csync", "keys")["code"])


def take_keys(stage: Stage, node: int, code: str) -> None:
    """Fetch the other node's keys, if they have that code, and start csyncd."""
    stage.on(node, "csync", "getkey", "--code", code)
    stage.on(node, "service", "csyncd", "start")
    stage.on(node, "config", "save", "-m", "keys exchanged")


def exchange_keys(stage: Stage) -> None:
    """Exchange SSH keys, in the document's order; what each node has to do, both do at the same time."""
    with stage.step("both nodes: csyncd is stopped; genkey; keys shows the code"):
        one, two = both(partial(make_keys, stage))
    with stage.step(f"both nodes: getkey with the other one's code, {two} and {one}; csyncd started; saved"):
        both(lambda node: take_keys(stage, node, {1: two, 2: one}[node]))


def pair(stage: Stage) -> None:
    """Everything up to the first push."""
    with stage.step("both nodes: csyncd.cfg filled in, `no autostart` taken away, saved"):
        both(partial(enable, stage))
    exchange_keys(stage)


def edit_and_push(stage: Stage, node: int, text: str) -> None:
    """Edit haproxy.cfg on a node, test it there, push it to the other."""
    other = 3 - node
    with stage.step(f"node {node}: haproxy.cfg edited and applied; it serves {text!r}"):
        stage.edit(node, page(text))
        stage.serves(node, text)
    with stage.step(f"node {node}: csync diff haproxy shows the line"):
        _holds(stage.on(node, "csync", "diff", "haproxy"), f'text/plain string "{text}"')
    with stage.step(f"node {node}: csync push haproxy"):
        stage.on(node, "csync", "push", "haproxy")
    with stage.step(f"node {other}: serves it; node {node} shows orange: not saved there"):
        stage.serves(other, text)
        stage.shows(node, "orange")


def save_and_reboot(stage: Stage, text: str) -> None:
    """Save on both, from node 1; reboot both; it is still there."""
    with stage.step("node 1: csync save (the remote one), config save"):
        stage.on(1, "csync", "save")
        stage.on(1, "config", "save")
    with stage.step("node 1: shows green"):
        stage.shows(1, "green")
    with stage.step("both nodes rebooted: their processes, /run and /etc are new, /flash is not"):
        both(stage.lab.reboot)
    with stage.step("node 2: haproxy serves what was pushed; node 1 shows green"):
        stage.serves(2, text)
        stage.shows(1, "green")


def push_another_service(stage: Stage) -> None:
    """Sync other services: each by itself."""
    with stage.step("node 1: syslogd's own file edited, applied, pushed; saved on node 2"):
        stage.on(1, "sh", "-c", "echo '# every node logs alike' >>/etc/syslogd/syslog.conf")
        stage.on(1, "service", "syslogd", "apply")
        stage.on(1, "csync", "push", "syslogd")
        _holds(stage.lab.read(2, "/etc/syslogd/syslog.conf"), "# every node logs alike")
        stage.on(1, "csync", "save")
        stage.shows(1, "green")


def refusals(stage: Stage) -> None:
    """What must not go through does not."""
    before = stage.on(2, "sha256sum", CONFIG)
    with stage.step("node 1: an invalid haproxy.cfg: apply says no, push says it is not applied; node 2 is as it was"):
        stage.lab.write(1, CONFIG, page("broken").replace("bind", "bimd"))
        stage.on(1, "service", "haproxy", "apply", expect=4)
        stage.on(1, "csync", "push", "haproxy", expect=3)
        _same(stage.on(2, "sha256sum", CONFIG), before)
    with stage.step(
        "node 1: a haproxy.cfg that only node 1 can load: node 2's checker says no and why, and is as it was"
    ):
        stage.on(1, "sh", "-c", "mkdir -p /etc/maps && echo a b >/etc/maps/here && chmod -R a+rX /etc/maps")
        stage.edit(
            1, page("mapped").replace(":8080\n", ":8080\n    http-request set-header x %[path,map(/etc/maps/here)]\n")
        )
        _holds(stage.on(1, "csync", "push", "haproxy", expect=4), "/etc/maps/here")
        _same(stage.on(2, "sha256sum", CONFIG), before)
    with stage.step("node 2 was edited by hand: the push is a conflict, refused, with the difference shown"):
        stage.on(2, "sh", "-c", f"echo '# by hand' >>{CONFIG}")
        stage.edit(1, page("conflict"))
        _holds(stage.on(1, "csync", "push", "haproxy", expect=3), "-# by hand")


def _holds(text: str, part: str) -> None:
    if part not in text:
        raise Broken(f"{part!r} does not stand in:\n{text}")


def _same(now: str, before: str) -> None:
    if now != before:
        raise Broken(f"it was changed: {before} is now {now}")


def power_on(stage: Stage) -> None:
    """Two fresh nodes."""
    if stage.lab.kind == "qemu":
        stage.tell(f"{0:6.1f} s  two units get power; {stage.lab.state}/1/console.log is what the first one says")
    with stage.step("two nodes are up, each with the factory /etc"):
        if said := stage.lab.up(2):
            stage.tell(f"{'':8}  {said} (COLD=1 powers them on)")


def play(stage: Stage, *, short: bool = False) -> None:
    """The whole story, on two fresh nodes; the short one ends when what was pushed has outlived a reboot."""
    power_on(stage)
    pair(stage)
    edit_and_push(stage, 1, "hello from node 1")
    save_and_reboot(stage, "hello from node 1")
    if short:
        return
    edit_and_push(stage, 2, "hello back from node 2")
    push_another_service(stage)
    refusals(stage)


def table(stage: Stage) -> str:
    """Where to find what of two virtual units."""
    rows = [("", "node 1", "node 2")]
    ports = [json.loads(stage.lab.nodes("ports", str(node)).stdout) for node in (1, 2)]
    rows.append(("web UI", *(f"https://127.0.0.1:{port['wui']}/csyncd/keys" for port in ports)))
    rows.append(("ssh", *(f"ssh -F {os.path.relpath(stage.lab.state)}/ssh_config node{node}" for node in (1, 2))))
    rows.append(("console", *(f"make -f image.mk run-console NODE={node}" for node in (1, 2))))
    rows.append(("one command", *(f"tests/lab/nodes --kind qemu exec {node} csync status" for node in (1, 2))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def stay(stage: Stage) -> None:
    """Say where everything is, and leave it there until Ctrl-C."""
    print(f"\n{table(stage)}\n\nBoth units run until Ctrl-C.", flush=True)
    while True:
        signal.pause()


def main() -> int:
    """Play it, and take the nodes away whatever happens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="lab")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--short", action="store_true", help="end when what was pushed has outlived a reboot")
    parser.add_argument(
        "--cold", action="store_true", help="power virtual units on, even if they once booted this image"
    )
    parser.add_argument("--stay", action="store_true", help="leave virtual units running until Ctrl-C")
    given = parser.parse_args()
    stage = Stage(
        Lab(given.state or Path("build", given.kind), given.kind, given.cold), tell=partial(print, flush=True)
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with alone(stage.lab.state):
            return perform(stage, short=given.short, then_stay=given.stay)
    except Broken as error:
        print(error, file=sys.stderr)
        return 1


def perform(stage: Stage, *, short: bool, then_stay: bool) -> int:
    """Play it, and take the nodes away whatever happens; returns the exit status."""
    held = False
    try:
        play(stage, short=short)
        held = True
        print("all of it held")
        if then_stay:
            stay(stage)
    except (Broken, Failed) as error:
        print(f"the story broke: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if held else 130
    finally:
        stage.lab.down()
    return 0


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold a state directory for this story. Broken if another one is playing there."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{state}.story", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Broken(f"{state}: another run (pid {lock.read()}) is at work there; end that one first") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            os.unlink(lock.name)


if __name__ == "__main__":
    sys.exit(main())
