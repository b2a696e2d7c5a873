"""Measures the bars and prints them as a table; `build/bench.json` has the same for programs.

Everything is a ratio between things that ran in the same run, in turn, on the same nodes, so that a noisy machine does not
decide. Exit status 0 only if every bar is held.
"""

import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

import bench_csyncd
import bench_pushes
import bench_trees
import story
from bench_row import Row
from lab_driver import Lab
from story import Stage

ROOT = Path(__file__).parents[2]
STATE = ROOT / "build/bench-lab"
ONE_WAY = 50
RUNS = 20
PEER = story.ADDRESSES[2]


LOOP = (
    "import subprocess,sys,time\n"
    "began = time.perf_counter()\n"
    "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
    "print(time.perf_counter() - began)\n"
    "sys.exit(done.returncode and done.stderr.decode())\n"
)


def timed(stage: Stage, *command: str) -> float:
    """Seconds that a command takes on node 1, by that node's own clock."""
    return float(stage.on(1, "/usr/bin/python3", "-c", LOOP, *command))


def pushes(stage: Stage) -> Iterator[Row]:
    """A one-line change of haproxy.cfg over a link of 50 ms each way: csync against rsync, ssh and haproxy -c."""
    edit = 'sed -i \'s/string ".*"/string "NUMBER-WHO"/\' /etc/haproxy/haproxy.cfg; service haproxy apply'
    ours: list[float] = []
    near: list[float] = []
    rsync: list[float] = []
    other = f"rsync -a -e ssh /etc/haproxy/ {PEER}:/etc/haproxy/; ssh {PEER} 'haproxy -c -f /etc/haproxy/haproxy.cfg && {RELOAD}'"
    for number in range(RUNS):
        for kind, results in (("near", near), ("far", ours), ("rsync", rsync)):
            stage.on(1, "sh", "-ec", edit.replace("NUMBER", str(number)).replace("WHO", kind))
            stage.lab.delay(0 if kind == "near" else ONE_WAY)
            command = ["sh", "-ec", other] if kind == "rsync" else ["csync", "push", "haproxy"]
            results.append(timed(stage, *command))
            if kind == "rsync":
                stage.lab.delay(0)
                stage.on(1, "csync", "push", "haproxy", "--force")
    far, close, theirs = (statistics.median(values) for values in (ours, near, rsync))
    trips = (far - close) / (2 * ONE_WAY / 1000)
    yield Row(
        "push over 100 ms of round trip, against rsync -e ssh, haproxy -c and reload (s)",
        far,
        theirs,
        theirs / far,
        ">= 4",
        theirs / far >= 4,
    )
    yield Row(
        "the same push: round trips (time that the delay adds, over 100 ms)",
        trips,
        2,
        trips / 2,
        "<= 2 trips",
        trips <= 2.1,
    )


#: what loads haproxy again where only ssh and haproxy are at hand
RELOAD = "kill -USR2 $(cat /run/bench-master.pid)"


def commands(stage: Stage) -> Iterator[Row]:
    """Commands that must start fast, against the interpreter that does nothing."""
    bare: list[float] = []
    get: list[float] = []
    listing: list[float] = []
    for _ in range(RUNS):
        bare.append(timed(stage, "/usr/bin/python3", "-c", "pass"))
        get.append(timed(stage, "config", "get", "network.eth0", "ip address"))
        listing.append(timed(stage, "service", "list"))
    base = statistics.median(bare)
    for name, values, most in (("config get", get, 4), ("service list", listing, 8)):
        ours = statistics.median(values)
        yield Row(f"{name}, against python3 -c pass (s)", ours, base, ours / base, f"<= {most}", ours / base <= most)


def idle(stage: Stage) -> Iterator[Row]:
    """csyncd's Python process after a minute in which nothing happened: memory, and processor time in that minute."""
    pid = next(item["pid"] for item in json.loads(stage.on(2, "service", "list", "--json")) if item["name"] == "csyncd")
    ticks = f"cut -d' ' -f14,15 /proc/{pid}/stat"
    time.sleep(3)
    before = sum(map(int, stage.on(2, "sh", "-c", ticks).split()))
    time.sleep(60)
    used = (sum(map(int, stage.on(2, "sh", "-c", ticks).split())) - before) / 100
    rss = int(stage.on(2, "sh", "-c", f"grep VmRSS /proc/{pid}/status").split()[1]) / 1024
    yield Row("csyncd when idle: resident memory (MB)", rss, 28, rss / 28, "<= 28 MB", rss <= 28)
    yield Row("csyncd when idle: processor time in a minute (s)", used, 0.05, used / 0.05, "<= 0.05 s", used <= 0.05)


def saves(stage: Stage) -> Iterator[Row]:
    """A save of a thousand files against tar of the same to a file, with a sync, in an interpreter that runs already."""
    program = (ROOT / "tests/long/saving.py").read_text()
    for size, lines in ((4, 170), (1, 45)):
        said = stage.on(1, "/usr/bin/python3", "-c", program, "/", str(RUNS), str(lines))
        ours, theirs = map(float, said.split())
        name = f"saving 1,000 files of {size} KB, against tar and a sync (s)"
        yield Row(name, ours, theirs, ours / theirs, "<= 3", ours <= 3 * theirs)


def units() -> Iterator[Row]:
    """The bars of the image, on virtual units."""
    import image_bench

    for name, ours, theirs in image_bench.figures(ROOT / "build/bench-disks"):
        bar = 1.6 if "power-on" in name else 1
        yield Row(name, ours, theirs, ours / theirs, f"<= {bar:g}", ours <= bar * theirs)


def product() -> Iterator[Row]:
    """The bars of Buildroot's image (IMAGE), beside the quick one."""
    import image_bench

    for name, ours, theirs in image_bench.against(ROOT / "build/image/disk.img", ROOT / "build/bench-disks"):
        yield Row(name, ours, theirs, ours / theirs, "<= 1", ours <= theirs)


def pair(stage: Stage) -> None:
    """Two paired nodes, with a management key between them for rsync's sake."""
    stage.lab.up(2)
    quiet = Stage(stage.lab, tell=lambda text: None)
    story.pair(quiet)
    stage.edit(1, story.page("start"))
    stage.on(1, "csync", "push", "haproxy", "--force")
    stage.on(1, "sh", "-ec", "mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    public = stage.on(1, "cat", "/root/.ssh/id_ed25519.pub").strip()
    stage.on(
        2,
        "sh",
        "-ec",
        f"mkdir -p /run/sshd/authorized_keys; echo {shlex.quote(public)} > /run/sshd/authorized_keys/root",
    )
    stage.on(1, "sh", "-ec", f"ssh-keyscan -t ed25519 {PEER} > /root/.ssh/known_hosts 2>/dev/null; ssh {PEER} true")
    pid = next(
        item["pid"] for item in json.loads(stage.on(2, "service", "list", "--json")) if item["name"] == "haproxy"
    )
    stage.on(2, "sh", "-c", f"echo {pid} > /run/bench-master.pid")


def lab() -> Iterator[Row]:
    """The bars of sync and of the commands, on two nodes of the lab."""
    yield from on_nodes(commands, idle, pushes, saves)


def csyncd() -> Iterator[Row]:
    """The bars of csyncd where thousands of files lie, on two nodes of the lab."""
    yield from on_nodes(bench_csyncd.rows)


def pushes_of_files() -> Iterator[Row]:
    """The bars of pushes as the number of files grows, on two nodes of the lab."""
    yield from on_nodes(partial(bench_pushes.rows, cases=bench_pushes.OF_FILES))


def pushes_of_maps() -> Iterator[Row]:
    """The bars of pushes of large files of which little has changed, on two nodes of the lab."""
    yield from on_nodes(partial(bench_pushes.rows, cases=bench_pushes.OF_MAPS))


def trees() -> Iterator[Row]:
    """The bars of digests of trees and files."""
    yield from bench_trees.rows()


def on_nodes(*parts: Callable[[Stage], Iterator[Row]]) -> Iterator[Row]:
    """Each part's rows, on the same two nodes."""
    stage = Stage(Lab(STATE))
    try:
        pair(stage)
        for part in parts:
            yield from part(stage)
    finally:
        stage.lab.down()


#: what can be named, and what is measured where nothing is
PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    part.__name__: part for part in (trees, units, lab, csyncd, pushes_of_files, pushes_of_maps, product)
}
USUAL = ("trees", "units", "lab", "csyncd", "pushes_of_files", "pushes_of_maps")


def write(rows: list[Row], *, keep: bool) -> None:
    path, names = ROOT / "build/bench.json", {row.name for row in rows}
    kept = json.loads(path.read_text()) if keep and path.exists() else []
    all_rows = [row for row in kept if row["name"] not in names] + [asdict(row) for row in rows]
    path.write_text(json.dumps(all_rows, indent=2) + "\n")


def main(named: list[str]) -> int:
    """Measure what is usual, or what is named; print the table, write the file. What is named takes the place of its rows in a
    file that is there already. A part that breaks is said, and the others are measured."""
    rows, is_whole = list[Row](), True
    for name in named or USUAL:
        try:
            for row in PARTS[name]():
                rows.append(row)
                write(rows, keep=bool(named))
                print(
                    f"{'ok ' if row.ok else 'NO '} {row.ours:9.3f} {row.theirs:9.3f}  ×{row.ratio:6.2f}  {row.bar:<11} {row.name}",
                    flush=True,
                )
        except (AssertionError, story.Broken) as error:
            print(f"bench: {name}: {error}", file=sys.stderr)
            is_whole = False
    return 0 if is_whole and all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
