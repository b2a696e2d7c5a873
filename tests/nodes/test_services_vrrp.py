"""Virtual addresses with the real keepalived: two nodes that share one, and a client on a third.

What a fail-over costs is measured: how long the client gets no answer, and how long both nodes hold the address.
"""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from lab_driver import Lab, eventually
from service_helpers import append, page, run_service, service_row

VIRTUAL = "10.32.0.100"
#: between two advertisements, in seconds
INTERVAL = 1.0
#: seconds in which the other node has to answer: it has waited for three and a half of them by then, on a machine that is busy
SILENCE = 12 * INTERVAL

#: asks the address for its page until a file appears; prints when each answer came, and whose it was
CLIENT = """
import json, os, socket, sys, time
seen = []
while not os.path.exists(sys.argv[1]):
    try:
        with socket.create_connection((sys.argv[2], 80), 0.2) as one:
            one.settimeout(0.2)
            one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            text = b"".join(iter(lambda: one.recv(65536), b"")).split(b"\\r\\n\\r\\n")[1].decode()
        seen.append((time.time(), text))
    except (OSError, IndexError):
        pass
    time.sleep(0.01)
    if len(seen) == 1:
        print("asking", flush=True)
        seen.append(seen[0])
print(json.dumps(seen))
"""
PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class FailOver:
    """How long nobody answered, and how long both nodes held the address, in seconds."""

    silence: float
    both: float


@pytest.fixture(scope="module")
def pair(worker_labs: Path) -> Iterator[Lab]:
    """Nodes 1 and 2 with a virtual address, node 1 before node 2, and node 3 beside them."""
    lab = Lab(worker_labs / "vrrp")
    try:
        lab.up(3)
        for node in (1, 2):
            add_address(lab, node)
        assert eventually(lambda: holders(lab) == [1])
        yield lab
    finally:
        lab.down()


def add_address(lab: Lab, node: int) -> None:
    lines = f"    vrrp address {VIRTUAL}/24\\n    vrrp id 7\\n    vrrp prio {120 - 10 * node}"
    lab.run(node, "sed", "-i", f"s|^service network eth0.*|&\\n{lines}|", "/etc/config.rc")
    append(lab, "/etc/config.rc", "\nservice vrrp\n    track_svc haproxy\n", node)
    lab.write(node, "/etc/haproxy/haproxy.cfg", page(f"node{node}"))
    run_service(lab, "network.eth0", "apply", node=node)
    run_service(lab, "haproxy", "restart", node=node)
    run_service(lab, "vrrp", "start", node=node)


def holders(lab: Lab) -> list[int]:
    """The nodes that hold the address."""
    return [node for node in (1, 2) if lab.run(node, "ip", "-o", "address", "show", "to", VIRTUAL).stdout]


def keepalived_pids(lab: Lab, node: int) -> list[str]:
    return lab.run(node, "pidof", "keepalived", check=False).stdout.split()


def measured(lab: Lab, fail: Callable[[], object]) -> FailOver:
    """What it costs when node 1, which holds the address, fails in that way."""
    assert eventually(lambda: holders(lab) == [1])
    stop = "/run/stop-asking"
    lab.run(3, "rm", "-f", stop)
    watchers = [lab.start(node, "ip", "-ts", "-o", "monitor", "address") for node in (1, 2)]
    client = lab.start(3, PYTHON, "-c", CLIENT, stop, VIRTUAL)
    assert (client.stdout or pytest.fail()).readline() == b"asking\n"
    try:
        fail()
        assert eventually(lambda: answering(lab) == "node2")
    finally:
        lab.run(3, "touch", stop)
        answers = json.loads(client.communicate(timeout=200)[0])
        events = [end_monitor(one) for one in watchers]
    times = [when for when, _ in answers]
    spans = [held_spans(text, node == 1, times[0], times[-1]) for node, text in enumerate(events, 1)]
    silence = max(later - sooner for sooner, later in pairwise(times))
    return FailOver(silence, overlap(*spans))


def end_monitor(monitor: subprocess.Popen[bytes]) -> str:
    """What `ip monitor` saw."""
    monitor.send_signal(signal.SIGTERM)
    return monitor.communicate(timeout=200)[0].decode()


def answering(lab: Lab) -> str:
    return lab.run(3, "curl", "-s", "-m", "1", f"http://{VIRTUAL}/", check=False).stdout


def held_spans(events: str, held: bool, begin: float, end: float) -> list[tuple[float, float]]:
    """From when to when a node held the address, by what `ip -ts monitor` printed."""
    spans, since = [], begin if held else None
    for stamp, line in re.findall(r"^\[([^\]]+)\] *(.*)", events, re.MULTILINE):
        if f" {VIRTUAL}/" not in line:
            continue
        when = datetime.fromisoformat(stamp).timestamp()
        if line.startswith("Deleted") and since is not None:
            spans.append((since, when))
            since = None
        elif not line.startswith("Deleted"):
            since = since or when
    return spans if since is None else [*spans, (since, end)]


def overlap(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    return max((min(a[1], b[1]) - max(a[0], b[0]) for a in one for b in other), default=0.0)


def kill_all(lab: Lab) -> None:
    lab.run(1, "kill", "-KILL", *keepalived_pids(lab, 1))


def test_killed_it_leaves_no_address_and_comes_back(pair: Lab) -> None:
    """Both processes at once, so that neither can clean up; and it stays dead, as if it crashed at each start."""
    kept = pair.read(1, "/run/firmware/scan/vrrp/run")
    pair.write(1, "/run/firmware/scan/vrrp/run", "#!/bin/sh\nsleep 1000\n")
    found = measured(pair, lambda: kill_all(pair))
    pair.write(1, "/run/firmware/scan/vrrp/run", kept)
    pair.run(1, "pkill", "-f", "^sleep 1000$")
    print(f"killed: {found}")
    assert found.both <= INTERVAL and found.silence <= SILENCE, found
    assert eventually(lambda: holders(pair) == [1])


@pytest.mark.all(but=["stopped"])
@pytest.mark.parametrize("how", ["stopped", "haproxy", "cable", "terminated"])
def test_the_other_node_takes_over_in_time(pair: Lab, how: str) -> None:
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "stopped": (lambda: run_service(pair, "vrrp", "stop"), lambda: run_service(pair, "vrrp", "start")),
        "haproxy": (lambda: run_service(pair, "haproxy", "stop"), lambda: run_service(pair, "haproxy", "start")),
        "cable": (lambda: pair.link(1, False), lambda: pair.link(1, True)),
        "terminated": (lambda: pair.run(1, "pkill", "-TERM", "keepalived"), lambda: None),
    }
    fail, mend = ways[how]
    if how == "terminated":  # s6 starts it again at once: the address may not go over at all
        fail()
        assert eventually(lambda: holders(pair) == [1])
        return
    found = measured(pair, fail)
    mend()
    print(f"{how}: {found}")
    # A node whose cable is out cannot hear the other one: it holds the address, and no client reaches it there.
    assert found.silence <= SILENCE and (found.both <= INTERVAL or how == "cable"), found
    assert eventually(lambda: holders(pair) == [1])


def test_an_unchanged_reload_moves_nothing_and_a_broken_file_is_refused(pair: Lab) -> None:
    before = keepalived_pids(pair, 1)
    with_events = pair.start(1, "ip", "-o", "monitor", "address")
    run_service(pair, "vrrp", "reload")
    text = pair.read(1, "/etc/config.rc")
    pair.write(1, "/etc/config.rc", text.replace("    vrrp id 7\n", ""))
    assert service_row(pair, "vrrp")["needs_apply"]
    error = run_service(pair, "vrrp", "apply", status=4).stderr
    number = text.splitlines().index(f"    vrrp address {VIRTUAL}/24") + 1
    assert f"/etc/config.rc:{number}: interface eth0 has no 'vrrp id'" in error
    pair.write(1, "/etc/config.rc", text)
    assert end_monitor(with_events) == "" and keepalived_pids(pair, 1) == before and holders(pair) == [1]


def test_another_address_is_taken_up_by_a_reload(pair: Lab) -> None:
    before, text = keepalived_pids(pair, 1), pair.read(1, "/etc/config.rc")
    pair.write(1, "/etc/config.rc", text.replace(f"address {VIRTUAL}/24", f"address {VIRTUAL}/24 10.32.0.101/24"))
    run_service(pair, "vrrp", "apply")
    more = ("ip", "-o", "address", "show", "to", "10.32.0.101")
    added = eventually(lambda: pair.run(1, *more).stdout != "")
    pair.write(1, "/etc/config.rc", text)
    run_service(pair, "vrrp", "apply")
    assert added and eventually(lambda: pair.run(1, *more).stdout == "")
    assert keepalived_pids(pair, 1) == before and holders(pair) == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "/etc/vrrp/keepalived.conf: there is no such file"),
        ("", "/etc/vrrp/keepalived.conf:1: nothing is configured here"),
        (
            "vrrp_instance a {\n  interface eth0\n",
            "/etc/vrrp/keepalived.conf:1: the '{' of 'vrrp_instance a' is never closed",
        ),
        ("vrrp_instance a {\n}\n}\n", "/etc/vrrp/keepalived.conf:3: this '}' closes nothing"),
        (
            "\nvrrp_instance a {\n  interface eth0\n}\n",
            "/etc/vrrp/keepalived.conf:2: the virtual router id must be set",
        ),
        ("vrrp_instance a {\n  foo bar\n}\n", "/etc/vrrp/keepalived.conf:2: Unknown keyword 'foo'"),
    ],
)
def test_an_operators_own_file_is_checked_with_its_lines(pair: Lab, text: str | None, words: str) -> None:
    before = pair.read(2, "/etc/config.rc")
    pair.write(2, "/etc/config.rc", "".join(line for line in before.splitlines(True) if "    vrrp " not in line))
    pair.run(2, "rm", "-rf", "/etc/vrrp")
    if text is not None:
        pair.run(2, "mkdir", "/etc/vrrp")
        pair.write(2, "/etc/vrrp/keepalived.conf", text)
    error = run_service(pair, "vrrp", "check", node=2, status=4).stderr
    pair.write(2, "/etc/config.rc", before)
    pair.run(2, "rm", "-rf", "/etc/vrrp")
    assert words in error
