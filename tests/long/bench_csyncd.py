"""The bars of csyncd itself: what an edit and a status cost where thousands of files lie, and what is left of it when it is idle."""

import json
import statistics
from collections.abc import Iterator

from bench_row import PAIRS, Row, bounded, limited
from lab_driver import eventually
from story import Stage

MANY = "/etc/haproxy/many"
#: processor time (s) of csyncd with all of its threads, of the children that it has now, and of those that it has waited for
CLOCK = """\
import os, sys, time
pid = sys.argv[1]
ticks = os.sysconf("SC_CLK_TCK")
def clock(pid):
    return time.clock_gettime((~int(pid) << 3) | 2)
children = [child for thread in os.listdir(f"/proc/{pid}/task") for child in open(f"/proc/{pid}/task/{thread}/children").read().split()]
waited = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
print(clock(pid) + sum(map(clock, children)) + sum(map(int, waited[13:15])) / ticks)
"""


def csyncd_pid(stage: Stage, node: int) -> str:
    listing = json.loads(stage.on(node, "service", "list", "--json"))
    return str(next(item["pid"] for item in listing if item["name"] == "csyncd"))


def used(stage: Stage, node: int) -> float:
    """Seconds of processor time that csyncd has taken there so far, with what it started."""
    return float(stage.on(node, "/usr/bin/python3", "-c", CLOCK, csyncd_pid(stage, node)))


def resident(stage: Stage, node: int) -> float:
    """MB of memory that csyncd has there."""
    status = stage.on(node, "grep", "VmRSS", f"/proc/{csyncd_pid(stage, node)}/status")
    return int(status.split()[1]) / 1024


def settle(stage: Stage) -> tuple[float, float]:
    """What both have used once neither does anything any more."""
    last = [(-1.0, -1.0)]

    def is_quiet() -> bool:
        now, before = (used(stage, 1), used(stage, 2)), last[0]
        last[0] = now
        return all(new - old < 0.0005 for new, old in zip(now, before, strict=True))

    assert eventually(is_quiet)
    return last[0]


def have_files(stage: Stage, count: int) -> None:
    """So many files in haproxy's directory on both nodes, applied, pushed and saved."""
    make = f'mkdir -p {MANY}; cd {MANY}; rm -f ./*; for n in $(seq {count}); do echo "content of file $n" >f$n; done'
    stage.on(1, "sh", "-ec", f"{make}; chown -R root:haproxy {MANY}; service haproxy apply")
    stage.on(1, "csync", "push", "haproxy", "--force")
    stage.on(1, "csync", "save")
    stage.on(1, "config", "save")


def edit_costs(stage: Stage) -> tuple[float, float]:
    """Milliseconds on the node where one file is edited, and on its peer, from the edit until the peer's `csync status` has said
    it: medians."""
    costs = []
    for number in range(PAIRS):
        before = settle(stage)
        stage.on(1, "sh", "-c", f'echo "other {number}" >{MANY}/f7')
        assert (
            eventually(lambda: "not in effect" in stage.on(2, "tail", "-n", "1", "/run/firmware/log/csyncd/current"))
            or number
        )
        report = stage.json(2, "csync", "status")
        assert report["peer"]["unapplied"] == ["haproxy"], report
        costs.append([(new - old) * 1000 for new, old in zip(settle(stage), before, strict=True)])
    stage.on(1, "service", "haproxy", "apply")
    first, second = zip(*costs, strict=True)
    return statistics.median(first), statistics.median(second)


def status_cost(stage: Stage) -> float:
    """Milliseconds of processor time on both nodes together for a `csync status`: the median."""
    costs = []
    for _ in range(PAIRS):
        before = sum(settle(stage))
        stage.on(1, "csync", "status")
        costs.append((sum(settle(stage)) - before) * 1000)
    return statistics.median(costs)


def rows(stage: Stage) -> Iterator[Row]:
    """All of them, on two nodes that are paired and have pushed haproxy."""
    have_files(stage, 10)
    settle(stage)
    before = [resident(stage, node) for node in (1, 2)]
    few = status_cost(stage)
    have_files(stage, 1000)
    some_edit, some = sum(edit_costs(stage)), status_cost(stage)
    have_files(stage, 4000)
    here, there = edit_costs(stage)
    many = status_cost(stage)
    yield limited("one of 4,000 files edited, csync status on the peer: processor time here (ms)", here, 10, "ms")
    yield limited("the same: processor time on the peer (ms)", there, 10, "ms")
    yield bounded("csync status with 4,000 files, against 10: processor time (ms)", many, few, 1.5)
    yield bounded("the edit with 4,000 files, against 1,000: processor time (ms)", here + there, some_edit, 4.4)
    yield bounded("csync status with 4,000 files, against 1,000: processor time (ms)", many, some, 4.4)
    have_files(stage, 10)
    stage.on(1, "sh", "-c", "csync diff haproxy")
    settle(stage)
    for node in (1, 2):
        more = resident(stage, node) - before[node - 1]
        yield limited(f"csyncd after all of that on node {node}: memory beyond what it had (MB)", more, 4, "MB")
