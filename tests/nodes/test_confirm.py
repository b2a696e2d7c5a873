"""`csync push --confirm` and `csync confirm`: what is not confirmed in time is put back, whoever is up by then."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import eventually
from story import CONFIG, Stage, page

#: seconds in which a push has to be confirmed: long enough to do something else first, on a busy machine too
SHORT, LONG = "6", "300"


@pytest.fixture
def agreed(stage: Stage) -> Iterator[Stage]:
    """Both nodes serve "agreed", and it is saved on both."""
    stage.edit(1, page("agreed"))
    stage.on(1, "csync", "push", "haproxy", "--force")
    stage.on(1, "csync", "save")
    stage.on(1, "config", "save")
    yield stage
    if stage.json(2, "csync", "status")["local"]["confirm_pending"]:
        stage.on(1, "csync", "confirm")


def push(stage: Stage, text: str, seconds: str, *options: str) -> Any:
    """Push a page that has to be confirmed, and return the report."""
    stage.edit(1, page(text))
    report = stage.json(1, "csync", "push", "haproxy", "--confirm", seconds, *options)
    assert (report["result"], report["confirm"]) == ("applied", int(seconds))
    stage.serves(2, text)
    return report


def refused(stage: Stage, node: int, *command: str) -> str:
    return stage.on(node, *command, expect=3)


def pending(stage: Stage, node: int) -> bool:
    return bool(stage.json(node, "csync", "status")["local"]["confirm_pending"])


def put_back(stage: Stage) -> None:
    """Node 2 has its old state back by itself: on disk, in what it serves, in what it says is applied, and in its trail."""
    assert eventually(lambda: "agreed" in stage.lab.read(2, CONFIG))
    assert eventually(lambda: not pending(stage, 2))
    stage.serves(2, "agreed")
    rows = {row["name"]: row for row in stage.json(2, "service", "list")}
    assert (rows["haproxy"]["state"], rows["haproxy"]["needs_apply"]) == ("running", False)
    assert eventually(lambda: stage.on(2, "ls", "-A", "/etc/.staging").strip() == "")
    wanted = ("revert", "rolled-back", "this node")
    assert eventually(
        lambda: tuple(stage.json(2, "csync", "log")[-1][key] for key in ("event", "result", "who")) == wanted
    )


def works_again(stage: Stage) -> None:
    """Nothing is left of it: the next push goes through without --force, and can be saved."""
    stage.edit(1, page("next"))
    assert stage.json(1, "csync", "push", "haproxy")["result"] == "applied"
    stage.serves(2, "next")
    stage.on(1, "csync", "save")


def test_what_is_confirmed_stays(agreed: Stage) -> None:
    push(agreed, "confirmed", SHORT)
    report = agreed.json(1, "csync", "confirm")
    assert (report["service"], report["node"], report["result"]) == ("haproxy", 2, "confirmed")
    assert not pending(agreed, 2)
    time.sleep(float(SHORT) + 1)
    agreed.serves(2, "confirmed")
    for node, event in ((1, "confirm"), (2, "confirm received")):
        last = agreed.json(node, "csync", "log")[-1]
        assert (last["event"], last["result"], last["service"]) == (event, "confirmed", "haproxy")
    # Both nodes know it as what they had last: an edit on node 2 goes back without a conflict.
    agreed.edit(2, page("and back"))
    assert agreed.json(2, "csync", "push", "haproxy")["result"] == "applied"


def test_what_is_not_confirmed_is_put_back_and_the_pusher_is_told(agreed: Stage) -> None:
    push(agreed, "fleeting", SHORT)
    put_back(agreed)
    assert "nothing that this node pushed waits" in refused(agreed, 1, "csync", "confirm")
    assert agreed.json(1, "csync", "status")["services"]["haproxy"]["in_sync"] is False
    noted = [entry for entry in agreed.json(1, "csync", "log") if entry["result"] == "rolled-back"][-1]
    assert (noted["service"], noted["to"], noted["who"]) == ("haproxy", "node-2", "node-2")
    assert noted["message"] == "node-2 says that it does not wait there any more: it was not confirmed"
    works_again(agreed)


def test_both_nodes_show_it_with_the_time_left(agreed: Stage) -> None:
    push(agreed, "shown", LONG)
    for node, side in ((1, "peer"), (2, "local")):
        report = agreed.json(node, "csync", "status")
        assert report["state"] == "orange" and report[side]["confirm_pending"] is True
        waiting = report[side]["waiting"]
        assert (waiting["service"], waiting["node"]) == ("haproxy", 1) and 200 < waiting["left"] <= 300
        assert f"it is put back in {waiting['left']} s" in report["reasons"][0]
        assert "waits to be confirmed: haproxy" in agreed.on(node, "csync", "status")
    agreed.on(1, "csync", "confirm")
    assert "confirm" not in json.dumps(agreed.json(2, "csync", "status")["reasons"])


def test_saves_pushes_and_whatever_replaces_all_of_etc_are_refused_while_it_waits(agreed: Stage) -> None:
    push(agreed, "waiting", LONG)
    why = "service haproxy: a push from node-1 waits to be confirmed"
    for node, command in (
        (1, ("csync", "save")), (1, ("csync", "push", "haproxy")), (1, ("csync", "push", "syslogd")),
        (2, ("config", "save")), (2, ("csync", "push", "haproxy")), (2, ("csync", "push", "syslogd")),
        (2, ("config", "rollback", "1")), (2, ("config", "restore")), (2, ("config", "reset", "--yes")),
        (2, ("config", "import", "/dev/null")),
    ):  # fmt: skip
        assert why in refused(agreed, node, *command), command
    agreed.serves(2, "waiting")
    agreed.on(1, "csync", "diff", "haproxy")
    agreed.on(1, "config", "save")
    agreed.on(1, "csync", "confirm")
    agreed.on(1, "csync", "save")
    agreed.shows(1, "green")


@pytest.mark.all
def test_a_killed_csyncd_forgets_neither_the_push_nor_the_time(agreed: Stage) -> None:
    push(agreed, "killed", "12")
    pids = {row["name"]: row["pid"] for row in agreed.json(2, "service", "list")}
    agreed.on(2, "kill", "-9", str(pids["csyncd"]))
    agreed.shows(1, "orange")
    left = agreed.json(1, "csync", "status")["peer"]["waiting"]["left"]
    assert 0 <= left < 12
    put_back(agreed)
    works_again(agreed)


def test_a_restarted_csyncd_still_takes_the_confirmation(agreed: Stage) -> None:
    push(agreed, "restarted", LONG)
    agreed.on(2, "service", "csyncd", "restart")
    agreed.on(1, "service", "csyncd", "restart")
    agreed.shows(1, "orange")
    agreed.on(1, "csync", "confirm")
    agreed.serves(2, "restarted")
    works_again(agreed)


def test_it_is_put_back_in_time_even_if_csyncd_is_stopped(agreed: Stage) -> None:
    push(agreed, "stopped", SHORT)
    agreed.on(2, "service", "csyncd", "stop")
    agreed.serves(2, "stopped")
    put_back(agreed)
    agreed.on(2, "service", "csyncd", "start")
    agreed.shows(1, "green")
    works_again(agreed)


def sleepers(stage: Stage) -> int:
    """How many processes on node 2 wait for the time to be over."""
    return len(stage.lab.run(2, "pgrep", "-f", "firmware csyncd recover", check=False).stdout.split())


def test_restarts_of_csyncd_leave_one_sleeper_and_a_confirmation_none(agreed: Stage) -> None:
    push(agreed, "sleeping", LONG)
    for _ in range(3):
        agreed.on(2, "service", "csyncd", "restart")
    assert eventually(lambda: sleepers(agreed) == 1)
    agreed.shows(1, "orange")
    agreed.on(1, "csync", "confirm")
    assert eventually(lambda: sleepers(agreed) == 0)


def test_it_is_put_back_in_time_even_if_csyncd_is_stuck(agreed: Stage) -> None:
    push(agreed, "stuck", SHORT)
    pid = str({row["name"]: row["pid"] for row in agreed.json(2, "service", "list")}["csyncd"])
    agreed.on(2, "kill", "-STOP", pid)
    try:
        assert eventually(lambda: "agreed" in agreed.lab.read(2, CONFIG))
        assert eventually(lambda: agreed.lab.run(2, "test", "-e", "/etc/.staging/haproxy", check=False).status != 0)
        agreed.serves(2, "agreed")
    finally:
        agreed.on(2, "kill", "-CONT", pid)
    put_back(agreed)
    agreed.shows(1, "green")
    works_again(agreed)


@pytest.mark.all(but=["running"])
@pytest.mark.parametrize("csyncd", ["running", "stopped"])
def test_the_receiving_node_may_put_it_back_now(agreed: Stage, csyncd: str) -> None:
    push(agreed, "undone", LONG)
    agreed.on(2, "sh", "-c", f"echo '# by hand' >>{CONFIG}")
    assert "nothing that this node" not in refused(agreed, 1, "csync", "undo")
    if csyncd == "stopped":
        agreed.on(2, "service", "csyncd", "stop")
    undone = agreed.json(2, "csync", "undo")
    assert (undone["service"], undone["node"], undone["result"]) == ("haproxy", 1, "rolled-back")
    assert "what was edited here meanwhile is in /run/firmware/edited/haproxy/" in undone["message"]
    agreed.serves(2, "agreed")
    last = agreed.json(2, "csync", "log")[-1]
    assert (last["event"], last["result"], last["who"]) == ("undo", "rolled-back", "root")
    assert "no push waits to be confirmed on this node" in refused(agreed, 2, "csync", "undo")
    agreed.on(2, "config", "save")
    agreed.on(2, "service", "csyncd", "start")
    agreed.shows(1, "green")
    refused(agreed, 1, "csync", "confirm")
    assert eventually(lambda: sleepers(agreed) == 0)
    works_again(agreed)


@pytest.mark.all(but=["cut"])
@pytest.mark.parametrize("how", ["reboot", "cut"])
def test_a_reboot_brings_the_old_state_and_nothing_waits(agreed: Stage, how: str) -> None:
    push(agreed, how, LONG)
    getattr(agreed.lab, how)(2)
    agreed.serves(2, "agreed")
    assert not pending(agreed, 2)
    agreed.shows(1, "green")
    refused(agreed, 1, "csync", "confirm")
    works_again(agreed)


@pytest.mark.all
def test_a_pusher_that_is_gone_confirms_nothing(agreed: Stage) -> None:
    push(agreed, "gone", SHORT)
    agreed.lab.link(1, False)
    try:
        assert eventually(lambda: not pending(agreed, 2))
    finally:
        agreed.lab.link(1, True)
    put_back(agreed)
    agreed.shows(1, "green")
    works_again(agreed)


def test_edits_made_while_it_waited_are_kept_aside(agreed: Stage) -> None:
    push(agreed, "edited", SHORT)
    agreed.on(2, "sh", "-c", f"echo '# by hand' >>{CONFIG}")
    agreed.on(2, "config", "set", "haproxy", "autostart", "off")
    put_back(agreed)
    message = agreed.json(2, "csync", "log")[-1]["message"]
    place = message.rpartition(" ")[2]
    assert place.startswith("/run/firmware/edited/haproxy/")
    assert "# by hand" in agreed.lab.read(2, f"{place}/files/haproxy.cfg")
    assert "service haproxy" in agreed.lab.read(2, f"{place}/block") and "no autostart" in agreed.lab.read(
        2, f"{place}/block"
    )
    works_again(agreed)


def test_a_full_disk_that_keeps_no_edits_keeps_nothing_from_going_back(agreed: Stage) -> None:
    push(agreed, "full", SHORT)
    agreed.on(2, "sh", "-c", "seq 20000 >/etc/haproxy/mine.map")
    agreed.on(2, "sh", "-c", "mount -o remount,size=$(($(df -k /run | awk 'END { print $3 }') + 8))k /run")
    try:
        put_back(agreed)
    finally:
        agreed.on(2, "mount", "-o", "remount,size=1G", "/run")
    assert "could not be kept" in agreed.json(2, "csync", "log")[-1]["message"]
    works_again(agreed)


def test_edits_from_before_that_were_not_applied_come_back_and_are_still_not_applied(agreed: Stage) -> None:
    agreed.lab.write(2, CONFIG, page("not applied"))
    agreed.edit(1, page("forced"))
    assert agreed.lab.run(1, "csync", "push", "haproxy", check=False).status == 3
    push(agreed, "forced again", SHORT, "--force")
    assert eventually(lambda: "not applied" in agreed.lab.read(2, CONFIG))
    assert eventually(lambda: not pending(agreed, 2))
    agreed.serves(2, "agreed")
    assert agreed.json(2, "csync", "status")["local"]["unapplied"] == ["haproxy"]
    agreed.on(2, "service", "haproxy", "revert")
    works_again(agreed)


def test_an_unchanged_push_and_a_failing_one_leave_nothing_to_confirm(agreed: Stage) -> None:
    report = agreed.json(1, "csync", "push", "haproxy", "--confirm", SHORT)
    assert (report["result"], report["confirm"]) == ("unchanged", 0) and not pending(agreed, 2)
    holder = "import socket,time; s=socket.create_server(('',8098)); print(flush=True); time.sleep(60)"
    taken = agreed.lab.start(2, "/usr/bin/python3", "-c", holder)
    assert taken.stdout and taken.stdout.readline()
    agreed.edit(1, page("taken", 8098))
    done = agreed.lab.run(1, "csync", "push", "haproxy", "--confirm", SHORT, "--json", check=False)
    agreed.on(2, "pkill", "-f", "create_server")
    taken.communicate()
    assert (done.status, json.loads(done.stdout)["result"]) == (1, "rolled-back")
    assert not pending(agreed, 2)
    agreed.serves(2, "agreed")


def test_who_may_confirm_and_how_often(agreed: Stage) -> None:
    push(agreed, "once", LONG)
    assert "csync confirm on node-1" in refused(agreed, 2, "csync", "confirm")
    agreed.on(1, "csync", "confirm")
    refused(agreed, 1, "csync", "confirm")


@pytest.mark.all(but=["0", "soon", "3601"])
@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1.5", "3601", ""])
def test_a_time_that_is_none(stage: Stage, seconds: str) -> None:
    said = stage.on(1, "csync", "push", "haproxy", "--confirm", seconds, expect=2)
    assert "--confirm: " in said and "from 1 to 3600" in said
