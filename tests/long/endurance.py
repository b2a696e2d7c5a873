"""Pushes in a row, a changed line each, while a client opens a new connection to the receiver's haproxy every 5 ms.

It holds that no push fails, no connection is refused or broken, and csyncd stays as it is on both nodes: its descriptors, the
node's processes, and its memory within 2 MB. `python tests/long/endurance.py COUNT [SEED]` plays it alone, on nodes of its own.
"""

import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import story
from lab_driver import Failed, Lab
from story import CONFIG, Broken, Stage

#: pushes before the first look: csyncd imports what it needs when it first does, and starts its threads one by one
WARM_UP = 20
#: how often it is looked at, from the first look to the last
LOOKS = 10
#: seconds that a node has before a look (haproxy's old worker ends, csyncd tells the peer), and if there is more than before
REST, REST_AT_MOST = 0.5, 5.0
#: what the memory of csyncd may grow by, kB
GROWTH = 2048
MILLISECONDS = 5

CLIENT = (Path(__file__).parents[1] / "support" / "haproxy_client.py").read_text()
EDIT_AND_PUSH = 'cat >"$0"; service haproxy apply >&2; exec csync push haproxy --json'
LOOK = """
for process in /proc/[0-9]*; do { read -r name <$process/comm && echo "process: $name"; } 2>/dev/null; done
for fd in /proc/$0/fd/*; do echo "fd: $fd"; done
cd /proc/$0; exec grep -hE '^(Threads|VmRSS|Pss|Anonymous):' status smaps_rollup
"""


@dataclass(frozen=True)
class Look:
    """csyncd's Python process on a node after so many pushes: its memory (kB: resident, proportional, anonymous), its
    open descriptors and threads; and the names of all processes of the node, with their numbers."""

    node: int
    pushes: int
    rss: int
    pss: int
    anonymous: int
    descriptors: int
    threads: int
    processes: dict[str, int]

    def __str__(self) -> str:
        return (
            f"node {self.node} {self.rss} kB, {self.descriptors} descriptors, {sum(self.processes.values())} processes"
        )


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """So many pushes from node 1 of two paired nodes; returns the figures. Broken if something did not hold."""
    looks: dict[int, list[Look]] = {1: [], 2: []}
    with asking(stage) as enough:
        began = time.monotonic()
        _push_all(stage, count, seed, looks, tell)
        seconds = time.monotonic() - began
        said = enough()
    tell(f"the client: {json.dumps(said)}")
    wrong = [f"node {node}: {words}" for node, found in looks.items() for words in grown(found)]
    if wrong or said["ok"] != said["made"]:
        raise Broken("; ".join(wrong) or f"the client had trouble: {json.dumps(said)}")
    seen = {f"node {node}": [asdict(one) for one in found] for node, found in looks.items()}
    return {"pushes": count, "seed": seed, "seconds": round(seconds, 1), "client": said, **seen}


def _push_all(stage: Stage, count: int, seed: int, looks: dict[int, list[Look]], tell: Callable[[str], None]) -> None:
    pids = {node: pid(stage, node) for node in looks}
    for number, text in zip(range(1 - WARM_UP, count + 1), changing(seed), strict=False):
        _push(stage, number, text)
        if number == count or number in range(0, count, max(1, count // LOOKS)):
            if stage.lab.read(2, CONFIG) != text:
                raise Broken(f"push {number}: node 2 has something else")
            for node, found in looks.items():
                found.append(settled(stage, node, pids[node], number, found[:1]))
            tell(f"{number:6} pushes: " + "; ".join(str(found[-1]) for found in looks.values()))


def changing(seed: int) -> Iterator[str]:
    """One haproxy.cfg after the other; each differs from the one before it in one line."""
    dice, text = random.Random(seed), story.page("number 1000")
    for number in range(1001, 1 << 31):
        text = re.sub(
            rf"({dice.choice(('maxconn', 'connect', 'client', 'server', 'number'))}) \d+", rf"\1 {number}", text
        )
        yield text


def _push(stage: Stage, number: int, text: str) -> None:
    done = stage.lab.run(1, "sh", "-ec", EDIT_AND_PUSH, CONFIG, stdin=text, check=False, timeout=200)
    if done.status:
        raise Broken(f"push {number}: exit status {done.status}: {done.stdout}{done.stderr}")
    report = json.loads(done.stdout)
    files = [(change["path"], change["change"]) for change in report["files"]]
    if report["result"] != "applied" or files != [(CONFIG, "changed")] or "serves" not in report["reload"]["output"]:
        raise Broken(f"push {number}: {done.stdout}")


def pid(stage: Stage, node: int) -> str:
    """csyncd's Python process on a node."""
    return next(str(one["pid"]) for one in stage.json(node, "service", "list") if one["name"] == "csyncd")


def settled(stage: Stage, node: int, pid: str, pushes: int, first: list[Look]) -> Look:
    """A look at a node that has come to rest: what there is more of than at the `first` look, if any, is there to stay."""
    deadline = time.monotonic() + REST_AT_MOST
    while True:
        time.sleep(REST)
        found = look(stage, node, pid, pushes)
        if not (first and more(first[0], found)) or time.monotonic() > deadline:
            return found


def look(stage: Stage, node: int, pid: str, pushes: int) -> Look:
    """Look at csyncd on a node."""
    lines = [line.partition(":") for line in stage.on(node, "sh", "-ec", LOOK, pid).splitlines()]
    sizes = {
        name: int(value.split()[0]) for name, _, value in lines if name in ("VmRSS", "Pss", "Anonymous", "Threads")
    }
    names = Counter(value.strip() for name, _, value in lines if name == "process")
    fds = sum(name == "fd" for name, _, _ in lines)
    return Look(
        node,
        pushes,
        sizes["VmRSS"],
        sizes["Pss"],
        sizes["Anonymous"],
        fds,
        sizes["Threads"],
        dict(sorted(names.items())),
    )


def more(first: Look, now: Look) -> list[str]:
    """What there is more of than at the first look, except memory."""
    found = [f"{number} × {name}" for name, number in (Counter(now.processes) - Counter(first.processes)).items()]
    if now.descriptors > first.descriptors:
        found.append(f"{now.descriptors - first.descriptors} descriptors")
    return found


def grown(looks: list[Look]) -> Iterator[str]:
    """What there is more of on a node in the end than at the first look; of memory, at any time."""
    most = max(look.rss for look in looks)
    if most - looks[0].rss > GROWTH:
        yield f"the memory of csyncd grew from {looks[0].rss} kB to {most} kB"
    if found := more(looks[0], looks[-1]):
        yield f"more than in the beginning: {', '.join(found)}"


@contextmanager
def asking(stage: Stage) -> Iterator[Callable[[], dict[str, Any]]]:
    """The client on node 1, asking node 2's haproxy; yields what ends it and returns what it saw."""
    stage.edit(1, story.page("number 1000"))
    stage.on(1, "csync", "push", "haproxy")
    command = ("/usr/bin/python3", "-c", CLIENT, story.ADDRESSES[2], "8080", str(MILLISECONDS))
    with stage.lab.start(1, *command) as client:
        try:
            assert client.stdout
            if client.stdout.readline() != b"asking\n":
                raise Broken(f"the client does not start: {client.communicate()}")
            yield lambda: _ended(client)
        finally:
            client.kill()


def _ended(client: subprocess.Popen[bytes]) -> dict[str, Any]:
    said, words = client.communicate(timeout=60)
    if client.returncode:
        raise Broken(f"the client broke: {words.decode()}")
    return dict(json.loads(said))


def main() -> int:
    """Play it alone."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else random.randrange(1 << 31)
    print(f"seed {seed}", flush=True)
    stage = Stage(Lab(Path("build/endurance-lab")))
    try:
        stage.lab.up(2)
        story.pair(stage)
        play(stage, count, seed, lambda text: print(text, flush=True))
    except (Broken, Failed) as error:
        print(f"it did not hold: {error}", file=sys.stderr)
        return 1
    finally:
        stage.lab.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
