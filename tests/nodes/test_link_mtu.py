"""Large packets that are lost on the way, while small ones pass: the link does not come up, and it is not the cable."""

import json
from collections.abc import Iterator

import pytest
import story
from lab_driver import Lab, eventually
from story import Stage

#: loses what is longer than 1,100 bytes, without a word: a bucket that never holds as much
LOSE = ("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "50mbit", "burst", "1100", "limit", "100000")


@pytest.fixture
def stage(module_lab: Lab) -> Iterator[Stage]:
    made = Stage(module_lab, tell=lambda text: None)
    story.pair(made)
    for node in (1, 2):
        made.on(node, *LOSE)
    yield made


def status(stage: Stage) -> str:
    return stage.on(1, "csync", "status")


@pytest.mark.all
def test_the_mtu_is_named_where_small_packets_pass(stage: Stage) -> None:
    stage.on(1, "service", "csyncd", "restart")
    assert eventually(lambda: "packets of 1,400 bytes do not reach 10.32.0.12, small ones do" in status(stage))
    assert "do: look for a smaller MTU on the way" in status(stage)
    items = json.loads(stage.lab.run(1, "csync", "check", "--json", check=False).stdout)
    passed = {item["item"]: item["passed"] for item in items}
    assert passed["the peer can be pinged"] and not passed["large packets reach the peer"]
    for node in (1, 2):
        stage.on(node, "tc", "qdisc", "del", "dev", "eth0", "root")
    assert eventually(lambda: not status(stage).startswith("red")), status(stage)
    assert "large packets" not in stage.on(1, "csync", "check")
