"""What `make -f image.mk run` does: the whole story on two virtual units, and nothing left of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import check_output

import pytest
import story
from lab_driver import NODES, Lab, eventually
from story import Stage


def alive(state: Path) -> list[str]:
    """The processes that still have this directory in their arguments, or for their working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(state) in words or str(process.joinpath("cwd").readlink()).startswith(str(state)):
                found.append(words)
        except OSError:
            continue
    return found


@pytest.mark.all
def test_the_story_holds_on_virtual_units(image: Path, worker_labs: Path) -> None:
    """It begins where power-on has led to already (`test_image_boot`), and reboots both."""
    stage = Stage(Lab(worker_labs / "run", kind="qemu"), tell=print)
    try:
        story.play(stage)
        assert "https://127.0.0.1:" in story.table(stage)
    finally:
        stage.lab.down()
    assert not stage.lab.state.exists()


@pytest.mark.parametrize(("words", "cold"), [(["COLD=1"], True), (["COLD=0"], False), ([], False)])
def test_cold_has_the_units_powered_on(words: list[str], cold: bool) -> None:
    make = ["make", "-n", "-f", "image.mk", "run", "ONCE=1", f"IMAGE={os.devnull}", *words]
    (told,) = [
        line
        for line in check_output(make, cwd=NODES.parents[2], text=True).splitlines()
        if "tests/support/story.py" in line
    ]
    assert told.split()[-1] == ("--cold" if cold else "--short")


@pytest.mark.all(but=["4.0-SIGINT"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
@pytest.mark.parametrize("seconds", [0.3, 4.0])
def test_interrupted_it_leaves_nothing(image: Path, worker_labs: Path, number: int, seconds: float) -> None:
    state = worker_labs / "interrupted"
    argv = [
        sys.executable,
        str(NODES.parents[1] / "support" / "story.py"),
        "--kind",
        "qemu",
        "--stay",
        "--state",
        str(state),
    ]
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(seconds)
    os.killpg(running.pid, number)  # as a terminal does
    _, said = running.communicate(timeout=60)
    assert b"Traceback" not in said, said.decode()
    assert eventually(lambda: not alive(state)), alive(state)
    assert not state.exists()


def test_ports_are_free_ones_and_lead_to_the_units(units: Lab) -> None:
    import json

    ports = [json.loads(units.nodes("ports", str(node)).stdout) for node in (1, 2)]
    numbers = [port for each in ports for port in each.values()]
    assert len(set(numbers)) == len(numbers) == 6
    for node, each in enumerate(ports, 1):
        fetch = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://127.0.0.1:{each['wui']}/csyncd/keys"]
        assert subprocess.run(fetch, capture_output=True, text=True).stdout == "404", "there are no keys yet"
        login = ["ssh", "-F", str(units.state / "ssh_config"), f"node{node}", "hostname"]
        assert subprocess.run(login, capture_output=True, text=True).stdout == f"node{node}\n"


@pytest.mark.all
def test_a_later_run_says_that_its_units_wake(units: Lab, worker_labs: Path) -> None:
    """`units` has had one of them booted from this image before."""
    told: list[str] = []
    stage = Stage(Lab(worker_labs / "woken", kind="qemu", image=units.image), tell=told.append)
    try:
        story.power_on(stage)
    finally:
        stage.lab.down()
    assert [line.strip() for line in told if "COLD=1" in line] == [
        "they wake as they were when they had first booted from this image (COLD=1 powers them on)"
    ]


def test_a_second_run_in_the_same_place_is_refused(image: Path, worker_labs: Path) -> None:
    state = worker_labs / "taken"
    argv = [sys.executable, str(NODES.parents[1] / "support" / "story.py"), "--kind", "qemu", "--state", str(state)]
    with story.alone(state):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        others = subprocess.run(
            ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, str(NODES), "--kind", "qemu", "--state", str(state), "up"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    for refused in (done, others):
        assert refused.returncode == 1
        assert f"run (pid {os.getpid()}) is at work there; end that one first" in refused.stderr
    assert not state.exists()


@pytest.mark.all
def test_what_is_asked_of_a_unit_that_is_off_or_not_there_fails_with_a_reason(fresh_units: Lab) -> None:
    units = fresh_units
    assert units.nodes("console", "9", check=False).stderr == "nodes: there is no node 9: the lab has 1, 2\n"
    assert units.nodes("exec", "9", "true", check=False).stderr == "nodes: there is no node 9\n"
    units.run(2, "sh", "-c", "(sleep 1; poweroff) >/dev/null 2>&1 </dev/null &")
    assert eventually(lambda: "no power" in units.nodes("ports", "2", check=False).stderr)
    off = units.nodes("reboot", "2", check=False)
    assert (off.status, off.stderr) == (1, "nodes: node 2 has no power\n")
    assert units.run(2, "true", check=False).status == 125
