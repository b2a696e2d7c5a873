"""Power cuts at random moments of the story, on two virtual units: while one is edited, pushed to, saved, or just booting.

A cut is a SIGKILL of QEMU. Every unit has to come back by itself, with all its services, with a configuration that is whole,
and with what its last acknowledged save held; one that was under way may have been made or not.
"""

import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import story
from lab_driver import NODES, Lab
from story import CONFIG, Broken, Stage

#: seconds after which the cut may come at the latest, by what is under way
MOMENTS = {"push": 6.0, "save": 12.0, "boot": 20.0, "nothing": 0.0}
VICTIMS = ((1,), (2,), (1, 2), (1, 2))
WORK = """
cat >/etc/haproxy/haproxy.cfg
service haproxy apply
csync push haproxy --force
[ "$0" = save ] || exit 0
csync save
echo saved 2
config save
echo saved 1
"""


def play(stage: Stage, count: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Cut the power that many times. Broken if a unit does not come back as it should."""
    dice, figures, slowest = random.Random(seed), Counter[str](), 0.0
    stage.edit(1, story.page("round 0"))
    for command in (("csync", "push", "haproxy"), ("csync", "save"), ("config", "save")):
        stage.on(1, *command)
    kept = {1: {"round 0"}, 2: {"round 0"}}
    while sum(figures.values()) < count:
        number, kind, victims = sum(figures.values()), dice.choice(list(MOMENTS)), dice.choice(VICTIMS)
        moment, began = dice.uniform(0, MOMENTS[kind]), time.monotonic()
        text = f"round {number + 1}"
        saved = _struck(stage.lab, kind, victims, moment, text)
        for node in (1, 2):
            if node in saved:
                kept[node] = {text}
            elif kind == "save":
                kept[node] = kept[node] | {text}
        for node in victims:
            kept[node] = {_back(stage, node, kept[node])}
            figures[kind] += 2 if kind == "boot" else 1
        _in_touch(stage)
        slowest = max(slowest, time.monotonic() - began)
        tell(
            f"{sum(figures.values()):4}  {kind} at {moment:.1f} s, power cut at {victims}: {time.monotonic() - began:.0f} s"
        )
    return {"cuts": dict(figures), "slowest round (s)": round(slowest, 1)}


def _struck(lab: Lab, kind: str, victims: Iterable[int], moment: float, text: str) -> set[int]:
    """Begin something on node 1, cut the power in the middle, and wait until the units have booted; returns which nodes had
    said by then that they have saved."""
    work = None
    if kind in ("push", "save"):
        work = lab.start(1, "sh", "-ec", WORK, kind)
        assert work.stdin
        work.stdin.write(story.page(text).encode())
        work.stdin.close()
        work.stdin = None
    elif kind == "boot":  # the first cut; the second one comes while they boot
        first = [_cutting(lab, node) for node in victims]
        time.sleep(1 + moment)
        for cutting in first:
            cutting.kill()
            cutting.wait()
    else:
        time.sleep(moment)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lab.cut, victims))
    if work is None:
        return set()
    said, _ = work.communicate(timeout=300)
    return {int(node) for node in re.findall(rb"saved (\d)", said)}


def _cutting(lab: Lab, node: int) -> "subprocess.Popen[bytes]":
    """A power cut whose boot nobody waits for."""
    argv = ["/usr/bin/python3", str(NODES), "--kind", lab.kind, "--state", str(lab.state), "cut", str(node)]
    return subprocess.Popen(argv, stderr=subprocess.DEVNULL)


def _back(stage: Stage, node: int, allowed: set[str]) -> str:
    """Hold a unit that has booted to what it has to be; returns what its configuration says."""
    found = re.search('text/plain string "(.*)"', stage.on(node, "cat", CONFIG))
    if not found or stage.on(node, "cat", CONFIG) != story.page(found[1]):
        raise Broken(f"node {node}: its haproxy.cfg is not whole")
    if found[1] not in allowed:
        raise Broken(f"node {node}: it came back with {found[1]!r}; saved was {sorted(allowed)}")
    for item in stage.json(node, "service", "list"):
        if item["state"] != "running":
            title = f"{item['name']}.{item['instance']}".rstrip(".")
            said = stage.lab.run(node, "service", title, "status", check=False)
            raise Broken(f"node {node}: after the power cut this does not run: {said.stdout}{said.stderr}")
    stage.serves(node, found[1])
    return found[1]


def _in_touch(stage: Stage) -> None:
    """Hold the pair to being in touch again, by itself."""
    end = time.monotonic() + 60
    while (report := stage.json(1, "csync", "status"))["state"] == "red":
        if time.monotonic() > end:
            raise Broken(f"the pair is still red after 60 s: {report['reasons']}")
        time.sleep(0.5)
