"""The bars of a push: bytes and seconds against rsync with checker and reload, as what is there grows and what changes does not."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import story
from bench_row import PAIRS, Row, bounded, faster, limited
from story import Stage

PEER = story.ADDRESSES[2]
TOP = "/etc/haproxy"
#: what copies, checks and loads where only rsync, ssh and haproxy are at hand
RSYNC = (
    f"rsync -a -c -z --delete -e ssh {TOP}/ {PEER}:{TOP}/; "
    f"ssh {PEER} 'haproxy -c -q -f {TOP}/haproxy.cfg && kill -USR2 $(cat /run/bench-master.pid)'"
)
#: bytes of a push that has next to nothing to say
SMALL = 4096
EDIT = """
import os, random, shutil, sys
kind, number = sys.argv[1], int(sys.argv[2])
top = "/etc/haproxy/bench"
def put(name, data):
    with open(f"{top}/{name}", "wb") as file:
        file.write(data)
def some(count, mark=b"first"):
    for n in range(count):
        put(str(n), b"".join(b"10.%d.%d.%d backend%d %s\\n" % (n >> 8, n & 255, line, line % 13, mark) for line in range(120)))
def lines(count):
    return [b"10.%d.%d.%d backend%d\\n" % (n >> 16, n >> 8 & 255, n & 255, n % 13) for n in range(count)]
if kind.startswith("prepare"):
    shutil.rmtree(top, ignore_errors=True)
    os.mkdir(top)
    os.chmod(top, 0o755)
    if kind == "prepare files":
        some(number)
    elif kind == "prepare map":
        put("map", b"".join(lines(number)))
elif kind == "new":
    shutil.rmtree(top)
    os.mkdir(top)
    os.chmod(top, 0o755)
    some(1000, b"of %d" % number)
elif kind == "one":
    put("500", b"changed %d\\n" % number)
elif kind == "line":
    put("line", b"changed %d\\n" % number)
elif kind == "map":
    all_lines = lines(350_000)
    for place in (1000, 100_000, 300_000):
        all_lines.insert(place, b"192.0.2.1 elsewhere%d\\n" % number)
    put("map", b"".join(all_lines))
"""
LOOP = (
    "import subprocess,sys,time\n"
    "began = time.perf_counter()\n"
    "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
    "print(time.perf_counter() - began)\n"
    "sys.exit(done.returncode and done.stderr.decode())\n"
)


@dataclass(frozen=True)
class Case:
    """What is changed: its name, what is there before, how it is edited, and the bytes that it may take at most (0: those of rsync,
    and a fifth)."""

    name: str
    before: tuple[str, int]
    edit: str
    most: int = 0


CASES = (
    Case("one line", ("prepare", 0), "line", SMALL),
    Case("nothing to do, 1,000 files", ("prepare files", 1000), "", SMALL),
    Case("1,000 new files", ("prepare files", 1), "new"),
    Case("one of 1,000 files", ("prepare files", 1000), "one"),
    Case("one of 4,000 files", ("prepare files", 4000), "one"),
    Case("three lines in a 7 MB map", ("prepare map", 350_000), "map"),
)


@dataclass(frozen=True)
class Cost:
    """Seconds, and bytes that node 1 sent."""

    seconds: float
    size: float


def sent(stage: Stage) -> int:
    """Bytes that node 1 has sent so far."""
    rows = [line.split() for line in stage.lab.read(1, "/proc/net/dev").splitlines()[2:]]
    return sum(int(row[9]) for row in rows if row[0] != "lo:")


def edit(stage: Stage, kind: str, number: int) -> None:
    if kind:
        stage.on(1, "/usr/bin/python3", "-c", EDIT, kind, str(number))
        stage.on(1, "service", "haproxy", "apply")


def cost(stage: Stage, *command: str) -> Cost:
    before = sent(stage)
    seconds = float(stage.on(1, "/usr/bin/python3", "-c", LOOP, *command))
    return Cost(seconds, sent(stage) - before)


def measure(stage: Stage, case: Case, delay: int, pairs: int = PAIRS) -> tuple[Cost, Cost]:
    """The medians of both, in turn, after one pair that does not count."""
    edit(stage, *case.before)
    settle(stage)
    ours, theirs = list[Cost](), list[Cost]()
    for number in range(pairs + 1):
        for found, command in ((ours, ["csync", "push", "haproxy"]), (theirs, ["sh", "-ec", RSYNC])):
            edit(stage, case.edit, 2 * number + (found is theirs) + 1)
            stage.lab.delay(delay)
            found.append(cost(stage, *command))
            stage.lab.delay(0)
            if found is theirs:
                settle(stage)
    return median(ours[1:]), median(theirs[1:])


def settle(stage: Stage) -> None:
    """Both nodes have it, know that, and have saved it: else each tells the other of thousands of unsaved paths."""
    stage.on(1, "csync", "push", "haproxy", "--force")
    stage.on(1, "csync", "save")
    stage.on(1, "config", "save")
    time.sleep(1)  # notices are on their way for a moment


def median(costs: list[Cost]) -> Cost:
    fields: tuple[Callable[[Cost], float], ...] = (lambda one: one.seconds, lambda one: one.size)
    return Cost(*(statistics.median(map(field, costs)) for field in fields))


def rows(stage: Stage, pairs: int = PAIRS) -> Iterator[Row]:
    """Each case at 0 and 50 ms each way."""
    for case in CASES:
        for delay in (0, 50):
            ours, theirs = measure(stage, case, delay, pairs)
            name = f"push, {case.name}, {delay} ms each way"
            yield faster(
                f"{name}, against rsync -c -z, haproxy -c and reload (s)",
                ours.seconds,
                theirs.seconds,
                4 if delay else 1,
            )
            if delay == 0 and case.most:
                yield limited(f"{name}: bytes sent, beside rsync's {theirs.size:.0f}", ours.size, case.most, "bytes")
            elif delay == 0:
                yield bounded(f"{name}: bytes sent, against rsync -z", ours.size, theirs.size, 1.2)
