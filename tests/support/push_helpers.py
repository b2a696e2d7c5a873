"""What the tests of pushes share: a pair that agrees, a push and what it said, all that a service is on a node."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import story
from lab_driver import PATIENCE, Lab, eventually
from story import CONFIG, Stage, page

#: directives with which csyncd looks for faults in /run/faults; its name has to be said, too, where a command line is
CSYNCD_WITH_FAULTS = {
    "cmdline": "env FIRMWARE_FAULTS=/run/faults /usr/bin/python3 -m firmware csyncd",
    "procname": "python3 -m firmware csyncd",
}
#: how the page of `agree` is known
AGREED = "agreed"


#: /etc/csyncd of each node, as the first exchange of keys in this process left it
_keys: dict[int, str] = {}
_UNPACK = (
    'base64 -d | tar -C /etc -xp; config set csyncd autostart on; service csyncd start; config save -m "keys exchanged"'
)


def pair_nodes(stage: Stage) -> None:
    """Pair two nodes that are as the factory made them. Done by all the commands once in a process, as `story.pair` does it; other
    nodes get the keys that were made then, and are saved like that."""
    if _keys:
        story.both(lambda node: stage.lab.run(node, "sh", "-ec", _UNPACK, stdin=_keys[node]))
        story.both(lambda node: stage.shows(node, "green"))
        return
    story.pair(stage)
    _keys.update({node: stage.on(node, "sh", "-c", "tar -C /etc -c csyncd | base64") for node in (1, 2)})


def make_agreeing_pair(lab: Lab, text: str) -> Stage:
    """Two nodes that are paired, serve that page, have saved it, and are green."""
    made = Stage(lab, tell=lambda text: None)
    pair_nodes(made)
    made.edit(1, page(text))
    made.on(1, "csync", "push", "haproxy")
    made.on(1, "csync", "save")
    made.on(1, "config", "save")
    made.shows(1, "green")
    made.shows(2, "green")
    return made


def agree(stage: Stage) -> None:
    """The same haproxy on both nodes, pushed from node 1; whatever an earlier test left of its own is gone."""
    stage.lab.write(1, CONFIG, page(AGREED))
    push = "csync push haproxy || csync push haproxy --force"  # which overwrites what the first one has shown
    stage.on(1, "sh", "-ec", f"rm -rf /etc/haproxy/extra /etc/haproxy/maps; service haproxy apply; {push}")


def force_push(stage: Stage) -> None:
    """Push from node 1 whatever node 2 has, after a look at it."""
    stage.on(1, "csync", "diff", "haproxy")
    stage.on(1, "csync", "push", "haproxy", "--force")


def push(stage: Stage, *options: str, service: str = "haproxy", node: int = 1) -> tuple[int, Any, str]:
    """Push; the exit status, the report, and what was said to people."""
    done = stage.lab.run(node, "csync", "push", service, "--json", *options, check=False, timeout=200)
    return done.status, json.loads(done.stdout) if done.stdout else None, done.stderr


def digest(stage: Stage, node: int) -> str:
    """Names, modes, owners and contents of what haproxy is on a node."""
    listing = "find haproxy config.rc -printf '%p %m %u %g\\0' | sort -z; find haproxy config.rc -type f -print0 | sort -z | xargs -0 sha256sum"
    return stage.on(node, "sh", "-ec", f"cd /etc; {listing}")


@contextmanager
def hold_reload(stage: Stage, node: int = 2) -> Iterator[dict[str, int]]:
    """No reload of haproxy ends on that node while this lasts: its master is stopped. Gives the pids of the services."""
    pids = {service["name"]: service["pid"] for service in stage.json(node, "service", "list")}
    stage.on(node, "kill", "-STOP", str(pids["haproxy"]))
    try:
        yield pids
    finally:
        stage.on(node, "kill", "-CONT", str(pids["haproxy"]))


def await_swap(stage: Stage, text: str, node: int = 2) -> None:
    """Wait until what is being pushed lies in its place on that node."""
    stage.on(node, "sh", "-c", 'while ! grep -q "$1" /etc/haproxy/haproxy.cfg; do sleep 0.05; done', "sh", text)


def logged_state(stage: Stage, node: int) -> str:
    """What node's csyncd logged last of how the pair is, by itself."""
    look = "cd /run/firmware/log/csyncd; cat @* current 2>/dev/null | grep 'the pair is' | tail -n 1"
    return stage.on(node, "sh", "-c", look)


def seconds_until_logged(stage: Stage, node: int, words: str, within: float = PATIENCE) -> float:
    """Seconds until that is in what node's csyncd logged last of how the pair is."""
    began = time.monotonic()
    assert eventually(lambda: words in logged_state(stage, node), within), logged_state(stage, node)
    return time.monotonic() - began
