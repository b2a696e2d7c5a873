"""A port for peers that somebody else has: the node at fault says so, by its sockets, and the other one points there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import story
from lab_driver import Lab, eventually
from push_helpers import pair_nodes
from service_helpers import HOLD, PYTHON
from story import Stage


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    return made


def says(stage: Stage, words: str, node: int) -> None:
    """Hold a node to the reason that it gives, once daemons have started again."""
    stage.shows(node, "red", words)


def is_connected(stage: Stage) -> bool:
    return all(stage.json(node, "csync", "status")["state"] != "red" for node in (1, 2))


def failed_items(stage: Stage, node: int) -> list[str]:
    """What `csync check` on that node does not find as it should be."""
    done = stage.lab.run(node, "csync", "check", "--json", check=False)
    return [item["item"] for item in json.loads(done.stdout) if not item["passed"]]


@contextmanager
def taken(stage: Stage, node: int, port: int) -> Iterator[None]:
    """Somebody else has that port of the node."""
    holder = stage.lab.start(node, PYTHON, "-c", HOLD, str(port))
    try:
        assert holder.stdout and holder.stdout.readline()
        yield
    finally:
        holder.kill()
        holder.communicate()


def test_a_port_that_somebody_else_has_is_named_at_a_start_and_free_it_is_taken(stage: Stage) -> None:
    stage.on(2, "service", "csyncd", "stop")
    with taken(stage, 2, 30022):
        refused = stage.on(2, "service", "csyncd", "start", expect=4)
        assert "port 30022 of 10.32.0.12 is taken by python3 (pid " in refused
    stage.on(2, "service", "csyncd", "start")
    assert "sshd" in stage.on(2, "ss", "-Hltnp", "sport = :30022")
    assert eventually(lambda: is_connected(stage)), "peers come in there"


@pytest.mark.all
def test_a_port_that_somebody_else_has_is_red_on_both_nodes_and_each_names_it(stage: Stage) -> None:
    for node in (1, 2):
        stage.lab.write(node, "/etc/csyncd/csyncd.cfg", story.settings(node) + "PORT=30024\n")
    trouble = "port 30024 of 10.32.0.12 is taken by python3 (pid "
    stage.on(2, "service", "csyncd", "stop")
    with taken(stage, 2, 30024):
        refused = stage.on(2, "service", "csyncd", "start", expect=4)
        assert f"/etc/csyncd/csyncd.cfg:5: {trouble}" in refused and "set another PORT" in refused
        # as at a boot, or where it is taken in between
        stage.lab.write(2, "/etc/csyncd/csyncd.cfg", story.settings(2))
        stage.on(2, "service", "csyncd", "start")
        stage.lab.write(2, "/etc/csyncd/csyncd.cfg", story.settings(2) + "PORT=30024\n")
        assert trouble in stage.on(2, "service", "csyncd", "apply", expect=4)
        stage.on(2, "pkill", "-KILL", "-f", "firmware csyncd")
        stage.on(1, "service", "csyncd", "restart")
        for node in (2, 1):
            says(stage, trouble, node)
        told = stage.json(2, "csync", "status")
        assert told["state"] == "red" and told["remedy"].startswith("on node 2: end what has the port")
        assert stage.json(1, "csync", "status")["remedy"] == "csync check on node 2"
        assert failed_items(stage, 2) == ["peers can come in here", "sync works"]
    assert eventually(lambda: is_connected(stage)), "it takes the port as soon as it is free"


@pytest.mark.all
def test_with_no_port_at_all_csyncd_waits_for_one_after_a_boot(stage: Stage) -> None:
    for node in (1, 2):
        stage.lab.write(node, "/etc/csyncd/csyncd.cfg", story.settings(node))
        stage.on(node, "service", "csyncd", "restart")
    stage.on(1, "service", "csyncd", "stop")
    trouble = "port 30022 of 10.32.0.11 is taken by python3 (pid "
    with taken(stage, 1, 30022):
        assert f"/etc/csyncd/csyncd.cfg:1: {trouble}" in stage.on(1, "service", "csyncd", "start", expect=4)
        stage.lab.run(1, "service", "boot", check=False)
        says(stage, f"node 1: no peer can come in: {trouble}", 1)
    assert eventually(lambda: is_connected(stage))
