"""The bars of a push: bytes and seconds against rsync with checker and reload, and against csync2, as what is there grows and what
changes does not."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import bench_others
from bench_row import PAIRS, Row, bounded, faster, limited, shown
from story import Stage

TOP = "/etc/haproxy/bench"
#: bytes of a push that has next to nothing to say
SMALL = 4096
EDIT = """
import os, random, shutil, sys
kind, number, *tops = sys.argv[1:]
number = int(number)
def put(name, data):
    for top in tops:
        with open(f"{top}/{name}", "wb") as file:
            file.write(data)
def some(count, mark=b"first", name=""):
    for n in range(count):
        put(f"{name}{n}", b"".join(b"10.%d.%d.%d backend%d %s\\n" % (n >> 8, n & 255, line, line % 13, mark) for line in range(120)))
def lines(count):
    return b"".join(b"10.%d.%d.%d backend%d\\n" % (n >> 16, n >> 8 & 255, n & 255, n % 13) for n in range(count))
def anew():
    for top in tops:
        shutil.rmtree(top, ignore_errors=True)
        os.mkdir(top)
        os.chmod(top, 0o755)
if kind.startswith("prepare"):
    anew()
    if kind == "prepare files":
        some(number)
    elif kind == "prepare map":
        put("map", lines(number))
        with open("/root/map", "wb") as file:
            file.write(lines(number))
elif kind == "new":
    anew()
    some(1000, b"of %d" % number, f"{number}-")
elif kind == "one":
    put("500", b"changed %d\\n" % number)
elif kind == "line":
    put("line", b"changed %d\\n" % number)
elif kind == "map":
    with open("/root/map", "rb") as file:
        data = file.read()
    pieces, begin = [], 0
    for share in (0.01, 0.4, 0.9):
        end = data.index(b"\\n", int(len(data) * share)) + 1
        pieces += [data[begin:end], b"192.0.2.1 elsewhere%d\\n" % number]
        begin = end
    put("map", b"".join(pieces) + data[begin:])
"""
#: runs shell commands one after the other, and prints the seconds until the end of each
LOOP = (
    "import json,subprocess,sys,time\n"
    "began, ends = time.perf_counter(), []\n"
    "for command in sys.argv[1:]:\n"
    "    done = subprocess.run(['sh', '-ec', command], capture_output=True)\n"
    "    ends.append(time.perf_counter() - began)\n"
    "    if done.returncode: sys.exit(done.stderr.decode() + done.stdout.decode())\n"
    "print(json.dumps(ends))\n"
)


@dataclass(frozen=True)
class Case:
    """What is changed: its name, what is there before, how it is edited, and the bytes that it may take at most (0: those of rsync,
    and a fifth)."""

    name: str
    before: tuple[str, int]
    edit: str
    most: int = 0
    #: whether csync2 is tried over a slow link, too: it asks for each file by itself, and takes minutes for a thousand
    is_patient: bool = True


OF_FILES = (
    Case("one line", ("prepare", 0), "line", SMALL),
    Case("nothing to do, 1,000 files", ("prepare files", 1000), "", SMALL),
    Case("1,000 new files in the place of others", ("prepare files", 1), "new", is_patient=False),
    Case("one of 1,000 files", ("prepare files", 1000), "one"),
    Case("one of 4,000 files", ("prepare files", 4000), "one"),
)
OF_MAPS = (
    Case("three lines in a 7 MB map", ("prepare map", 350_000), "map"),
    Case("three lines in a 50 MB map", ("prepare map", 2_300_000), "map"),
)
#: the other ways, each with the directory that it copies
OTHERS = {
    "rsync": (bench_others.COPY_BY_RSYNC, bench_others.RSYNC),
    "rsync -z": (bench_others.COPY_COMPRESSED, bench_others.RSYNC_Z),
    "csync2": (bench_others.COPY_BY_CSYNC2, bench_others.CSYNC2),
}


@dataclass(frozen=True)
class Cost:
    """Seconds until the files are there and until all is done (of a push the same), bytes that node 1 sent, and both nodes together."""

    copied: float
    seconds: float
    sent: float
    both: float


def crossed(stage: Stage) -> tuple[int, int]:
    """Bytes that node 1 has sent so far, and those with what it received."""
    lines = stage.lab.read(1, "/proc/net/dev").splitlines()[2:]
    rows = [line.replace(":", " ").split() for line in lines if not line.strip().startswith("lo:")]
    sent = sum(int(row[9]) for row in rows)
    return sent, sent + sum(int(row[1]) for row in rows)


def edit(stage: Stage, kind: str, number: int) -> None:
    """The same in haproxy's directory, which is applied, and in those of the others."""
    if kind:
        tops = [TOP, *(f"{top}/bench" for _, top in OTHERS.values())]
        stage.on(1, "/usr/bin/python3", "-c", EDIT, kind, str(number), *tops)
        stage.on(1, "service", "haproxy", "apply")


def cost(stage: Stage, *commands: str) -> Cost:
    before = crossed(stage)
    ends = json.loads(stage.on(1, "/usr/bin/python3", "-c", LOOP, *commands))
    sent, both = (now - then for now, then in zip(crossed(stage), before, strict=True))
    return Cost(ends[0], ends[-1], sent, both)


def measure(stage: Stage, case: Case, delays: tuple[int, ...], pairs: int) -> Iterator[dict[str, Cost]]:
    """For each delay the medians of all ways, in turn, after one turn that does not count."""
    number = 0
    for delay in delays:
        found: dict[str, list[Cost]] = {name: [] for name in ("csync", *OTHERS)}
        for _ in range(pairs + 1):
            number += 1
            edit(stage, case.edit, number)
            stage.lab.delay(delay)
            found["csync"].append(cost(stage, "csync push haproxy"))
            for name, (copy, _) in OTHERS.items():
                if not delay or name == "rsync" or (name == "csync2" and case.is_patient):
                    found[name].append(cost(stage, copy, bench_others.RELOAD))
            stage.lab.delay(0)
        require_same(stage, [top for name, (_, top) in OTHERS.items() if found[name]])
        yield {name: median(costs[1:]) for name, costs in found.items() if costs}


def refusal(stage: Stage, case: Case) -> str:
    """Make what is there before, and have all of them copy it; why a push does not take it, or "". csyncd has saved it: else each
    node tells the other of thousands of unsaved paths."""
    edit(stage, *case.before)
    pushed = stage.lab.run(1, "csync", "push", "haproxy", "--force", check=False, timeout=200)
    if pushed.status:
        return pushed.stderr.splitlines()[0]
    stage.on(1, "csync", "save")
    stage.on(1, "config", "save")
    for copy, _ in OTHERS.values():
        stage.on(1, "sh", "-ec", copy)
    return ""


def require_same(stage: Stage, others: list[str]) -> None:
    """A push, and the other ways, have copied all of it."""
    for top in (TOP, *(f"{top}/bench" for top in others)):
        here, there = (
            stage.on(node, "sh", "-c", f"cd {top} && find . -type f | sort | xargs -r sha256sum") for node in (1, 2)
        )
        assert here == there, f"{top}: it was not copied"


def median(costs: list[Cost]) -> Cost:
    return Cost(
        *(statistics.median(getattr(one, name) for one in costs) for name in ("copied", "seconds", "sent", "both"))
    )


def times(name: str, found: dict[str, Cost], least: float) -> Iterator[Row]:
    """Seconds against the others, as a whole and with the copies alone."""
    ours = found["csync"].seconds
    yield faster(f"{name}, against rsync -c, haproxy -c and reload (s)", ours, found["rsync"].seconds, least)
    yield shown(f"{name}, against rsync -c alone, nothing checked or loaded (s)", ours, found["rsync"].copied)
    if "csync2" in found:
        yield shown(f"{name}, against csync2, haproxy -c and reload (s)", ours, found["csync2"].seconds)
        yield shown(f"{name}, against csync2 alone, nothing checked or loaded (s)", ours, found["csync2"].copied)


def sizes(name: str, found: dict[str, Cost], most: int) -> Iterator[Row]:
    """Bytes that node 1 sends, and both together."""
    ours, theirs = found["csync"], found["rsync -z"]
    if most:
        yield limited(f"{name}: bytes sent, beside {theirs.sent:.0f} of rsync -z", ours.sent, most, "bytes")
    else:
        yield bounded(f"{name}: bytes sent, against rsync -z", ours.sent, theirs.sent, 1.2)
    yield shown(f"{name}: bytes both ways, against rsync -z", ours.both, theirs.both)
    yield shown(f"{name}: bytes both ways, against csync2", ours.both, found["csync2"].both)


def rows(stage: Stage, cases: tuple[Case, ...], pairs: int = PAIRS) -> Iterator[Row]:
    """Each case at 0 and 50 ms each way."""
    bench_others.set_up(stage)
    of_some: dict[str, Cost] = {}
    for case in cases:
        if why := refusal(stage, case):
            yield Row(f"push, {case.name}: {why}", 0, 0, 0, ">= 1", False)
            continue
        for delay, found in zip((0, 50), measure(stage, case, (0, 50), pairs), strict=True):
            name = f"push, {case.name}, {delay} ms each way"
            yield from times(name, found, 4 if delay else 1)
            if not delay:
                yield from sizes(name, found, case.most)
                of_some[case.name] = found["csync"]
    few, many = of_some.get("one of 1,000 files"), of_some.get("one of 4,000 files")
    if few and many:
        yield bounded("push, one of 4,000 files, against one of 1,000 (s)", many.seconds, few.seconds, 4.4)
        yield bounded("push, one of 4,000 files, against one of 1,000: bytes sent", many.sent, few.sent, 4.4)
