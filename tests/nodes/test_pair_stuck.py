"""A csyncd or a web UI that is there and does not answer, and commands that nobody waits for: no command hangs without a word,
and the remedy that it names helps.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab_driver import Lab, eventually
from push_helpers import make_agreeing_pair
from story import Stage, page
from time_limits import time_limit

RESTART = "service csyncd restart"
SOCKET = "/run/firmware/csyncd.sock"

#: whether the time limits are those of the product, or a tenth of them
each_limit = pytest.mark.parametrize("real", [False, True], ids=["short", "real"])


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    return make_agreeing_pair(module_lab, "stuck")


@contextmanager
def frozen(stage: Stage, node: int, name: str = "csyncd") -> Iterator[None]:
    """A service's daemon is stopped, as one is that hangs, unless it is restarted meanwhile."""
    stopped = stage.json(node, "service", name, "status")["pid"]
    stage.on(node, "kill", "-STOP", str(stopped))
    try:
        yield
    finally:
        if stage.json(node, "service", name, "status")["pid"] == stopped:
            stage.on(node, "kill", "-CONT", str(stopped))


@contextmanager
def limits(stage: Stage, real: bool) -> Iterator[None]:
    """How long node 1's commands wait before they ask whether csyncd is there at all, for that answer, and for a web UI."""
    if real:
        yield
        return
    with (
        time_limit(stage.lab, 1, "http11.blocking", "SLOW_SECONDS", 0.5),
        time_limit(stage.lab, 1, "operations.csyncd_client", "ALIVE_SECONDS", 1),
        time_limit(stage.lab, 1, "operations.peer_web_ui", "ANSWER_SECONDS", 1),
    ):
        yield


def interrupt(stage: Stage, *command: str) -> str:
    """Run a command on node 1 that gets a Ctrl-C once it says that it waits. Returns all that it said."""
    running = stage.lab.start(1, *command)
    assert running.stderr
    waiting = running.stderr.readline()
    stage.on(1, "pkill", "-INT", "-f", f"/usr/sbin/{' '.join(command)}")
    _, said = running.communicate(timeout=200)
    assert running.returncode == 130, waiting + said
    return (waiting + said).decode()


@pytest.mark.all(but=["short"])
@each_limit
def test_a_csyncd_that_is_stuck_is_said_and_restarting_it_helps(stage: Stage, real: bool) -> None:
    with limits(stage, real), frozen(stage, 1):
        red = stage.json(1, "csync", "status")
        assert (red["state"], red["remedy"]) == ("red", RESTART) and "it is stuck" in red["reasons"][0]
        for verb in (("push", "haproxy"), ("save",)):
            assert f"it is stuck, and may yet do what was asked\nhint: {RESTART}" in stage.on(
                1, "csync", *verb, expect=1
            )
        checked = stage.lab.run(1, "csync", "check", check=False)
        assert checked.status == 1 and f"do: {RESTART}" in checked.stdout
        stage.on(1, *RESTART.split())
        stage.shows(1, "green")


@pytest.mark.all(but=["rm", "python3 -c '{}'"])
@pytest.mark.parametrize("spoil", ["rm", "echo >file && mv file", "python3 -c '{}'"])
def test_a_socket_at_which_nobody_answers_is_not_taken_for_a_csyncd_that_does_not_run(stage: Stage, spoil: str) -> None:
    bound = f'import os, socket; os.remove("{SOCKET}"); socket.socket(socket.AF_UNIX).bind("{SOCKET}")'
    stage.on(1, "sh", "-ec", f"cd /run && {spoil.format(bound)} {SOCKET}")
    said = stage.on(1, "csync", "push", "haproxy", expect=1)
    assert said == (
        f"csync push: csyncd: it runs, but nobody answers at {SOCKET}\n"
        f"hint: {RESTART}, if it has not just been started\n"
    )
    stage.on(1, *RESTART.split())
    stage.shows(1, "green")


def test_what_cannot_be_a_socket_is_said_without_a_traceback(stage: Stage) -> None:
    stage.on(1, "sh", "-ec", f"service csyncd stop; mkdir {SOCKET}")
    try:
        said = stage.on(1, "service", "csyncd", "start", expect=1)
        assert f"csyncd: {SOCKET}: Is a directory" in said and "Traceback" not in said
    finally:
        stage.on(1, "sh", "-ec", f"rmdir {SOCKET}; service csyncd start")
    stage.shows(1, "green")


@pytest.mark.all(but=["short-push", "short-diff"])
@pytest.mark.parametrize("verb", [("push", "haproxy"), ("save",), ("diff", "haproxy")], ids=lambda verb: verb[0])
@each_limit
def test_who_waits_for_a_peer_that_is_stuck_is_told(stage: Stage, verb: tuple[str, ...], real: bool) -> None:
    """And who waits no longer learns what csyncd goes on with: to look is all that a diff does."""
    waiting = f"csync {verb[0]}: waiting for the other node\n"
    with limits(stage, real), frozen(stage, 2):
        goes_on = "" if verb[0] == "diff" else f"csync {verb[0]}: csyncd goes on with "
        said = interrupt(stage, "csync", *verb)
    assert said.startswith(waiting + goes_on) and len(said.splitlines()) == 1 + bool(goes_on)
    stage.shows(1, "green")


def test_the_trail_tells_of_a_save_and_a_push_that_csyncd_did_not_live_to_see(stage: Stage) -> None:
    stage.edit(1, page("asked for"))
    with limits(stage, False), frozen(stage, 2):
        for verb in (("save",), ("push", "haproxy")):
            assert "waiting for the other node" in interrupt(stage, "csync", *verb)
        stage.on(1, *RESTART.split())
    last = {entry["event"]: entry for entry in stage.json(1, "csync", "log")}
    for event in ("push", "remote save"):
        assert last[event]["result"] == "unknown" and last[event]["to"] == "node-2"
        assert "csync log there tells what came of it" in last[event]["message"]
    assert last["push"]["service"] == "haproxy"
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")


@pytest.mark.all(but=["short"])
@each_limit
def test_a_web_ui_that_is_stuck_or_stopped_is_said_with_the_node_to_look_at(stage: Stage, real: bool) -> None:
    with limits(stage, real), frozen(stage, 2, "wui"):
        said = stage.on(1, "csync", "getkey", "--code", "x", expect=1)
        assert f"10.32.0.12:4444/csyncd/keys: no answer within {10 if real else 1} s\n" in said
        assert "here and on node 2; one that does not answer: service wui restart\n" in said
    stage.on(1, "service", "wui", "stop")
    checked = stage.lab.run(1, "csync", "check", check=False)
    stage.on(1, "service", "wui", "start")
    assert checked.status == 1 and "with the same scheme: it does not run on this node\n" in checked.stdout
    assert "do: service wui start\n" in checked.stdout


def test_a_name_that_is_none_is_said_in_the_words_that_were_typed(stage: Stage) -> None:
    for verb in ("push", "diff"):
        assert "service ../x: there is no such service" in stage.on(1, "csync", verb, "../x", expect=2)
        assert "(300 characters)" in stage.on(1, "csync", verb, "a" * 300, expect=2)
    assert "--code is empty" in stage.on(1, "csync", "getkey", "--code", "", expect=3)


def test_a_command_that_is_interrupted_while_it_loads_prints_no_traceback(stage: Stage) -> None:
    for name in ("service", "config", "csync"):
        script = f"sed 's/from firmware.* import .*/raise KeyboardInterrupt/' $(command -v {name}) >/tmp/early && python3 -IS /tmp/early"
        done = stage.lab.run(1, "sh", "-c", script, check=False)
        assert (done.status, done.stderr) == (130, "")
