"""csyncd at the limits of what may be pushed: on both nodes its memory stays below what docs/measured.md promises, at its highest and with
the processes that compare files for it; it goes back afterwards; and csyncd answers all the while."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from story import Stage, page

#: what docs/measured.md says: bytes that csyncd takes at most, whatever is pushed
MOST = 104 << 20
#: bytes that it may have more, once all is over, than before
MOST_MORE = 20 << 20
WATCH = (Path(__file__).parents[1] / "support" / "memory_peak.py").read_text()

#: files for a service, by what they are and which version of them: `python3 -c … DIRECTORY KIND VERSION`
MAKE = """
import os, shutil, sys
top, kind, version = sys.argv[1:]
shutil.rmtree(f"{top}/large", ignore_errors=True)
os.mkdir(f"{top}/large", 0o755)
M = 1 << 20
def put(name, data):
    with open(f"{top}/large/{name}", "wb") as file:
        file.write(data)
for number in range(2):
    if kind == "addresses":
        lines = (b"10.%d.%d.%d backend%d %s\\n" % (n >> 16, n >> 8 & 255, n & 255, (n + number) % 13, version.encode()) for n in range(400_000))
        put(str(number), b"".join(lines)[: 8 * M - 4096])
    elif kind == "shortest lines":
        put(str(number), version.encode() + b"\\n" * (8 * M - 4096))
    elif kind == "blanks":
        put(str(number), (version + " " * (8 * M - 4096)).encode())
    elif kind == "wide characters":
        put(str(number), f"{version}\\u00e9\\U0001f600\\n".encode() * (M - 4096))
    elif kind == "other letters":
        put(str(number), (version + "\\n").encode() * (4 * M - 4096))
if kind == "many":
    for number in range(4000):
        place = f"{top}/large/{number // 400}"
        os.makedirs(place, exist_ok=True)
        put(f"{number // 400}/{'x' * 60}{number}.map", f"{number} {version}\\n".encode() * 100)
if kind == "half":
    put("0", os.urandom(8 * M - 4096))
"""


def csyncd(stage: Stage, node: int) -> int:
    return next(int(service["pid"]) for service in stage.json(node, "service", "list") if service["name"] == "csyncd")


def make(stage: Stage, kind: str, version: str, service: str = "haproxy", node: int = 1) -> None:
    stage.on(node, "/usr/bin/python3", "-c", MAKE, f"/etc/{service}", kind, version)
    stage.on(node, "service", service, "apply")


@dataclass
class Peak:
    """Bytes that csyncd had at most on each node: alone, and with what compares files for it."""

    alone: dict[int, int] = field(default_factory=dict)
    together: dict[int, int] = field(default_factory=dict)


@contextmanager
def measuring(stage: Stage) -> Iterator[Peak]:
    watching = {
        node: stage.lab.start(node, "/usr/bin/python3", "-c", WATCH, str(csyncd(stage, node))) for node in (1, 2)
    }
    found = Peak()
    try:
        yield found
    finally:
        for node, process in watching.items():
            said, _ = process.communicate(b"")
            found.alone[node], found.together[node] = map(int, said.split())


def refused_and_forced(stage: Stage) -> None:
    """Every verb that has to do with the difference, or with all that is there."""
    stage.on(1, "csync", "diff", "haproxy")
    stage.on(2, "sh", "-c", "echo '# changed here' >>/etc/haproxy/haproxy.cfg; service haproxy apply")
    stage.on(1, "csync", "push", "haproxy", expect=3)
    stage.on(1, "csync", "push", "haproxy", "--force")
    stage.on(1, "csync", "status")
    stage.on(1, "csync", "save")
    stage.on(1, "csync", "log")


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.edit(1, page("before"))
    made.on(1, "csync", "push", "haproxy")
    return made


#: bytes that csyncd takes at most for a push of the largest services
MOST_LARGE = 64 << 20
MAKE_LARGE = """
import os, shutil, sys
kind, version = sys.argv[1:]
top = "/etc/haproxy/large"
shutil.rmtree(top, ignore_errors=True)
os.mkdir(top, 0o755)
def put(name, size, text):
    with open(f"{top}/{name}", "wb") as file:
        while file.tell() < size:
            start = file.tell()
            file.write(b"".join(b"10.%d.%d.%d backend %s\\n" % (n >> 16 & 255, n >> 8 & 255, n & 255, version.encode()) for n in range(start, start + 5000)) if text else os.urandom(1 << 20))
        file.truncate(size)
if kind == "one file of 64 MiB":
    put("map", (64 << 20) - 8192, True)
if kind == "128 MiB":
    for number in range(16):
        put(str(number), (8 << 20) - 8192, number % 2)
if kind == "20,000 files":
    for number in range(20_000):
        os.makedirs(f"{top}/{number // 400}", exist_ok=True)
        with open(f"{top}/{number // 400}/{number:05}.map", "w") as file:
            file.write(f"{number} {version}\\n" * 9)
"""


@pytest.mark.all
@pytest.mark.parametrize("kind", ["one file of 64 MiB", "128 MiB", "20,000 files"])
def test_the_largest_services_take_no_more_memory_than_small_ones(fresh_lab: Lab, kind: str) -> None:
    """Neither the first time nor when all of it has changed."""
    stage = Stage(fresh_lab, tell=lambda text: None)
    pair_nodes(stage)
    stage.edit(1, page("before"))
    stage.on(1, "csync", "push", "haproxy")
    with measuring(stage) as peak:
        for version in ("a", "b"):
            stage.on(1, "/usr/bin/python3", "-c", MAKE_LARGE, kind, version)
            stage.on(1, "service", "haproxy", "apply")
            stage.on(1, "csync", "push", "haproxy")
        if kind == "20,000 files":  # the others can be pushed, and not saved
            stage.on(1, "csync", "save")
    print(f"{kind}: MB {[most // 1_000_000 for most in peak.alone.values()]}")
    sums = [
        stage.on(node, "sh", "-c", "cd /etc/haproxy; find . -type f | sort | xargs cat | sha256sum") for node in (1, 2)
    ]
    assert sums[0] == sums[1]
    assert max(peak.alone.values()) < MOST_LARGE, peak


KINDS = ["addresses", "shortest lines", "blanks", "wide characters", "other letters", "many"]


@pytest.mark.all(but=["other letters"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_stays_below_what_is_promised_at_the_limits(stage: Stage, kind: str) -> None:
    make(stage, kind, "a")
    with measuring(stage) as peak:
        stage.on(1, "csync", "push", "haproxy", "--force")
        make(stage, kind, "b")
        refused_and_forced(stage)
    print(
        f"{kind}: MB alone, and with what compares: {[{n: m >> 20 for n, m in p.items()} for p in (peak.alone, peak.together)]}"
    )
    assert max(peak.together.values()) < MOST, peak


@pytest.mark.all
def test_all_that_may_be_pushed_to_a_node_is_no_more_than_that(stage: Stage) -> None:
    """24 MiB in two services; and saves of it: one over none, one over one that is read, too."""
    add_second_service(stage)
    with measuring(stage) as peak:
        for version in ("c", "d"):
            make(stage, "addresses", version)
            stage.on(1, "csync", "push", "haproxy", "--force")
            make(stage, "half", version, "snmpd")
            stage.on(1, "csync", "push", "snmpd", "--force")
            stage.on(1, "csync", "save")
    print(f"MB: { {node: most >> 20 for node, most in peak.together.items()} }")
    assert max(peak.together.values()) < MOST, peak
    assert (
        int(stage.on(2, "sh", "-c", "du -sm /etc/haproxy/large /etc/snmpd/large | awk '{n += $1} END {print n}'")) >= 23
    )


def add_second_service(stage: Stage) -> None:
    for node in (1, 2):
        stage.on(node, "sh", "-c", "config show snmpd >/dev/null 2>&1 || echo 'service snmpd' >>/etc/config.rc")
        stage.on(node, "mkdir", "-p", "/etc/snmpd")


@pytest.mark.all
def test_what_is_done_at_the_same_time_takes_no_more_than_that(stage: Stage) -> None:
    """Several operators on both nodes ask for all that takes memory at once."""
    add_second_service(stage)
    make(stage, "addresses", "e")
    make(stage, "half", "e", "snmpd", node=2)
    asked = [(1, "diff haproxy")] * 4 + [(2, "diff snmpd")] * 2 + [(1, "save"), (2, "save")]
    asked += [(1, "push haproxy --force"), (2, "push snmpd --force"), (1, "diff haproxy"), (2, "save"), (1, "save")]
    with measuring(stage) as peak:
        running = [stage.lab.start(node, "csync", *words.split()) for node, words in asked]
        results = [(process.communicate(timeout=200)[1].decode(), process.returncode) for process in running]
    print(f"MB: { {node: most >> 20 for node, most in peak.together.items()} }")
    assert [said for said, status in results if status] == []
    assert max(peak.together.values()) < MOST, peak


@pytest.mark.all
def test_memory_goes_back_after_thousands_of_files(fresh_lab: Lab) -> None:
    stage = Stage(fresh_lab, tell=lambda text: None)
    pair_nodes(stage)
    before = {node: resident(stage, node) for node in (1, 2)}
    make(stage, "many", "a")
    stage.on(1, "csync", "push", "haproxy", "--force")
    make(stage, "many", "b")
    stage.on(1, "csync", "push", "haproxy")
    for node in (1, 2):
        assert eventually(partial(is_small, stage, node, before[node] + MOST_MORE)), (before, resident(stage, node))


def is_small(stage: Stage, node: int, most: int) -> bool:
    return resident(stage, node) < most


def resident(stage: Stage, node: int) -> int:
    return int(stage.on(node, "sh", "-c", f"grep VmRSS /proc/{csyncd(stage, node)}/status").split()[1]) << 10


def test_a_service_that_cannot_be_pushed_any_more_says_so_at_once_and_with_the_largest_file(stage: Stage) -> None:
    """The check and the apply of such a service are done all the same."""
    make_files = "cd /etc/haproxy; rm -rf large; for name in a b c; do head -c 60000000 /dev/zero >$name.map; done; echo more >>b.map"
    stage.on(1, "sh", "-ec", make_files)
    try:
        for verb in ("check", "apply", "status"):
            said = stage.on(1, "service", "haproxy", verb)
            assert re.search(
                "(?m)^note: service haproxy cannot be pushed: [0-9]+ bytes; at most 134217728 are synced", said
            )
            assert "the largest file is /etc/haproxy/b.map, 60000005 bytes\n" in said
            assert "hint: keep what is large elsewhere" in said
        assert "every service can be pushed" in stage.on(1, "csync", "check", expect=1)
        stage.on(1, "csync", "push", "haproxy", expect=3)
    finally:
        stage.on(1, "sh", "-c", "rm /etc/haproxy/[abc].map; rm -rf /etc/haproxy/large; service haproxy apply")
    for verb in ("check", "apply", "status"):
        assert "cannot be pushed" not in stage.on(1, "service", "haproxy", verb)


def test_csyncd_answers_while_it_compares_what_takes_longest(stage: Stage) -> None:
    """The operator of the receiving node is told the state of the pair while a peer's dry push is worked on."""
    make(stage, "blanks", "long")
    asking = stage.lab.start(1, "sh", "-c", "csync diff haproxy >/dev/null")
    times = []
    while asking.poll() is None:
        began = time.monotonic()
        stage.json(2, "csync", "status")
        times.append(time.monotonic() - began)
    asking.communicate()
    assert len(times) >= 2, "else the first answer came when all was compared"
    assert max(times) < 20, times
