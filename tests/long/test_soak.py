"""The long runs, shortened; and that they notice what they are there to notice."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import endurance
import pytest
import soak
from lab_driver import Lab
from push_helpers import pair_nodes
from service_helpers import PYTHON
from story import Broken, Stage


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    return made


#: holds a connection to csyncd; says so
HOLD = """
import socket, time
held = socket.socket(socket.AF_UNIX)
held.connect("/run/firmware/csyncd.sock")
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.all(but=["8"])
@pytest.mark.parametrize("pushes", [8, 30])
def test_pushes_in_a_row_leave_nothing_behind_and_no_client_notices(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, pushes: int
) -> None:
    monkeypatch.setattr(endurance, "WARM_UP", 5)
    told: list[str] = []
    figures = endurance.play(stage, pushes, 1, told.append)
    assert figures["client"]["ok"] == figures["client"]["made"] > pushes + 5
    assert figures["node 2"][-1]["pushes"] == pushes
    assert len(told) == len(figures["node 1"]) + 1


@pytest.mark.all
def test_a_large_push_leaves_the_memory_as_it_was(stage: Stage) -> None:
    pids = {node: endurance.pid(stage, node) for node in (1, 2)}
    before = {node: endurance.look(stage, node, pid, 0).rss for node, pid in pids.items()}
    for _ in range(3):
        stage.on(1, "sh", "-ec", "for name in a b; do head -c 7000000 /dev/urandom >/etc/haproxy/$name; done")
        stage.on(1, "service", "haproxy", "apply")
        stage.on(1, "csync", "push", "haproxy")
    after = {node: endurance.settled(stage, node, pid, 3, []).rss for node, pid in pids.items()}
    stage.on(1, "rm", "/etc/haproxy/a", "/etc/haproxy/b")
    assert all(after[node] - before[node] < 4096 for node in pids), (before, after)


@pytest.mark.all
def test_a_client_notices_a_restart(stage: Stage) -> None:
    with endurance.asking(stage) as enough:
        for _ in range(3):
            stage.on(2, "service", "haproxy", "restart")
        said = enough()
    assert said["refused"] + said["broken"] > 0 and said["troubles"], said


@pytest.mark.all
def test_a_push_that_no_worker_serves_ends_the_run(stage: Stage) -> None:
    stage.on(2, "service", "haproxy", "stop")
    with pytest.raises(Broken, match=r"(?s)push -19: .*it does not run"):
        try:
            endurance.play(stage, 1, 1, lambda text: None)
        finally:
            stage.on(2, "service", "haproxy", "start")


@pytest.mark.all
def test_a_process_a_descriptor_and_memory_that_stay_are_seen(stage: Stage) -> None:
    pid = endurance.pid(stage, 2)
    before = endurance.settled(stage, 2, pid, 0, [])
    holder = stage.lab.start(2, PYTHON, "-c", HOLD)
    try:
        assert holder.stdout and holder.stdout.readline()
        after = endurance.settled(stage, 2, pid, 1, [before])
    finally:
        holder.kill()
        holder.communicate()
    assert endurance.more(before, after) == ["1 × python3", "1 descriptors"]
    assert list(endurance.grown([before, after])) == ["more than in the beginning: 1 × python3, 1 descriptors"]
    assert not list(endurance.grown([after, before]))
    assert not list(endurance.grown([before, replace(before, rss=before.rss + 2048)]))
    assert list(endurance.grown([before, replace(before, rss=before.rss + 2049), before]))


def test_each_file_differs_from_the_one_before_in_one_line() -> None:
    texts = [text for text, _ in zip(endurance.changing(5), range(50), strict=False)]
    for old, new in pairwise(texts):
        assert sum(one != other for one, other in zip(old.splitlines(), new.splitlines(), strict=True)) == 1
    assert texts == [text for text, _ in zip(endurance.changing(5), range(50), strict=False)]
    assert texts != [text for text, _ in zip(endurance.changing(6), range(50), strict=False)]


@pytest.mark.all
def test_the_soak_writes_down_what_held_and_what_did_not(
    worker_labs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(endurance, "WARM_UP", 0)
    assert soak.main(["endurance=1", "--seed=5"], build=worker_labs) == 0
    (row,) = json.loads((worker_labs / "soak.json").read_text())
    assert (row["name"], row["count"], row["seed"], row["ok"]) == ("endurance", 1, 5, True)
    assert row["figures"]["client"]["refused"] == 0
    monkeypatch.setattr(endurance, "GROWTH", -1)
    assert soak.main(["endurance=1"], build=worker_labs) == 1
    (row,) = json.loads((worker_labs / "soak.json").read_text())
    assert not row["ok"] and "memory of csyncd grew" in row["words"]
    assert "NO       1" in capsys.readouterr().out
    (worker_labs / "soak.json").unlink()
