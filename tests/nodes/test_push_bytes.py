"""What a push sends: what differs, and no more; the digest of it alone where the peer has it already."""

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab
from push_helpers import pair_nodes
from story import Stage, page

from firmware.sync.progress import Progress

#: bytes of a push that has next to nothing to say, with all headers and notices, as ssh and TCP send them
SMALL = 4096
MAKE_MAP = """
import sys
lines = [b"10.%d.%d.%d backend%d\\n" % (n >> 16, n >> 8 & 255, n & 255, n % 13) for n in range(350_000)]
for place in map(int, sys.argv[1:]):
    lines.insert(place, b"192.0.2.1 elsewhere%d\\n" % place)
with open("/etc/haproxy/large.map", "wb") as file:
    file.write(b"".join(lines))
"""
MAKE_FILES = """
import os, sys
os.makedirs("/etc/haproxy/many", exist_ok=True)
for number in range(1000):
    with open(f"/etc/haproxy/many/{number}", "w") as file:
        file.write(f"{number}\\n" * 9)
"""


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    made.edit(1, page("before"))
    made.on(1, "csync", "push", "haproxy")
    return made


@pytest.fixture
def clean(stage: Stage) -> Iterator[Stage]:
    yield stage
    stage.on(1, "sh", "-c", "rm -rf /etc/haproxy/large.map /etc/haproxy/many; service haproxy apply")
    stage.on(1, "csync", "push", "haproxy")
    for command in ("config", "csync"):  # else both tell each other of what was saved and is gone
        stage.on(1, command, "save")


def sent_bytes(stage: Stage) -> int:
    """Bytes that node 1 has sent so far."""
    lines = stage.lab.read(1, "/proc/net/dev").splitlines()[2:]
    return sum(int(line.split()[9]) for line in lines if not line.strip().startswith("lo:"))


def push(stage: Stage, result: str = "applied", *words: str) -> int:
    """Bytes that node 1 sends for a push."""
    before = sent_bytes(stage)
    report = stage.json(1, "csync", "push", "haproxy", *words)
    after = sent_bytes(stage)
    assert (report["result"], report["round_trips"]) == (result, 1)
    print(f"{after - before} bytes, {report['seconds']} s")
    return after - before


def make(stage: Stage, text: str, *words: str) -> None:
    stage.on(1, "/usr/bin/python3", "-c", text, *words)
    stage.on(1, "service", "haproxy", "apply")


def test_one_line_and_nothing_to_do_take_next_to_nothing(clean: Stage) -> None:
    clean.edit(1, page("one line"))
    assert push(clean) < SMALL
    clean.serves(2, "one line")
    assert push(clean, "unchanged") < SMALL


def test_one_of_a_thousand_files_takes_next_to_nothing(clean: Stage) -> None:
    make(clean, MAKE_FILES)
    assert push(clean) < 100_000
    for command in ("config", "csync"):  # else both tell each other of a thousand unsaved paths
        clean.on(1, command, "save")
    clean.on(1, "sh", "-c", "echo changed >/etc/haproxy/many/500; service haproxy apply")
    assert push(clean) < SMALL
    assert clean.lab.read(2, "/etc/haproxy/many/500") == "changed\n"
    assert push(clean, "unchanged") < SMALL


def test_three_lines_in_a_large_map_take_little_more_than_these(clean: Stage) -> None:
    make(clean, MAKE_MAP)
    assert push(clean) < 2_000_000
    make(clean, MAKE_MAP, "1000", "100000", "300000")
    assert push(clean) < 3 * SMALL
    clean.on(1, "cp", "/etc/haproxy/large.map", "/tmp/large.map")
    digests = [clean.on(node, "sha256sum", "/etc/haproxy/large.map") for node in (1, 2)]
    assert digests[0] == digests[1]


def test_a_peer_that_has_something_else_is_sent_everything(clean: Stage) -> None:
    """What this node keeps of the last sync is of no use then, and of no harm."""
    clean.on(2, "sh", "-c", "echo '# changed here' >>/etc/haproxy/haproxy.cfg; service haproxy apply")
    clean.edit(1, page("everything"))
    assert "changed on the receiving node" in clean.on(1, "csync", "push", "haproxy", expect=3)
    clean.on(1, "csync", "push", "haproxy", "--force")
    clean.serves(2, "everything")
    clean.on(1, "rm", "-r", "/run/firmware/synced")
    clean.edit(1, page("unknown"))
    push(clean)
    clean.serves(2, "unknown")


PUSH = """
import json
from firmware.operations import peer
from firmware.sync.audit import Who
told = []
report = peer.push("haproxy", who=Who("root"), on_progress=told.append)
print(json.dumps([report.result, told]))
"""


def test_who_waits_for_a_push_is_told_how_far_it_is(clean: Stage) -> None:
    make(clean, MAKE_MAP)
    result, told = json.loads(clean.on(1, "/usr/bin/python3", "-c", PUSH))
    assert result == "applied" and {key for one in told for key in one} == set(Progress.__slots__)
    assert [one["bytes"] for one in told] == sorted(one["bytes"] for one in told)
    total = int(clean.on(2, "stat", "-c", "%s", "/etc/haproxy/large.map"))
    last = told[-1]
    assert (last["bytes"], last["bytes_total"], last["files"], last["files_total"]) == (total, total, 1, 1)
    assert [one["phase"] for one in (told[0], last)] == ["sending", "waiting for the other node"]
