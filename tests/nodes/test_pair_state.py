"""Red, orange, green: right, with the reason, and in time."""

import json
from typing import Any

import pytest
import story
from lab_driver import Lab, eventually
from push_helpers import make_agreeing_pair, seconds_until_logged
from service_helpers import PYTHON, is_started_again
from story import CONFIG, Stage


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    return make_agreeing_pair(module_lab, "state")


def says(stage: Stage, *words: str, node: int = 1) -> dict[str, Any]:
    """Hold a node that is red to the reason that it gives. Returns what it says with it."""
    return dict(stage.shows(node, "red", *words))


def test_an_unsaved_change_here_does_not_colour_the_pair(stage: Stage) -> None:
    stage.on(1, "sh", "-c", "echo x >/etc/motd.mine")
    report = stage.json(1, "csync", "status")
    assert report["state"] == "green" and report["local"]["unsaved"] == ["/etc/motd.mine"]
    stage.shows(2, "orange")
    stage.on(1, "rm", "/etc/motd.mine")
    stage.shows(2, "green")


def test_an_upgrade_that_was_given_up_is_said_on_both_nodes_until_somebody_acknowledges_it(stage: Stage) -> None:
    """A lab node has no slots, so what a boot does for one that has is done by hand."""
    said = "the upgrade to 9.9.9 (slot b) was given up: service wui does not run"
    stage.on(1, PYTHON, "-c", f"from firmware.upgrade import attention; attention.put(['{said}'])")
    try:
        seconds_until_logged(stage, 2, f"the pair is orange: node 1: {said}")  # it is told, nobody asks
        for node, side, command in ((1, "local", "upgrade confirm says"), (2, "peer", "upgrade confirm there says")):
            stage.shows(node, "orange")
            report = stage.json(node, "csync", "status")
            assert f"node 1: {said}" in report["reasons"] and report[side]["slot_problem"] == said
            assert "upgrade status" in report["remedy"] and command in report["remedy"]
        assert f"FAILED  the last upgrade was kept: {said}" in stage.on(1, "csync", "check", expect=1)
        assert stage.on(1, "sh", "-lc", "true") == f"ATTENTION: {said}\n"
        banner = "import json; from firmware.operations import banner; print(json.dumps(banner.banner().slot_problem))"
        assert json.loads(stage.on(1, PYTHON, "-c", banner)) == said
    finally:
        stage.on(1, PYTHON, "-c", "from firmware.upgrade import attention; attention.clear()")
    for node in (1, 2):
        stage.shows(node, "green")
    assert stage.json(1, "csync", "status")["local"]["slot_problem"] is None


def test_what_no_hint_tells_does_not_get_past_a_push_or_a_look_at_what_is_unsaved(stage: Stage) -> None:
    """A hard link in a directory that nobody watches. The control: the same line by the file's own name is noticed."""
    place, line = "/etc/.staging/other/deep", "# by another name"
    stage.on(1, "sh", "-ec", f"mkdir -p {place}; ln {CONFIG} {place}/link")
    assert stage.json(1, "csync", "status")["local"]["unapplied"] == []
    try:
        stage.on(1, "sh", "-c", f"echo '{line}' >>{place}/link")
        assert stage.json(1, "csync", "status")["local"]["unapplied"] == []
        assert CONFIG in stage.on(1, "config", "changes", expect=0)
        assert "not applied here" in stage.on(1, "csync", "push", "haproxy", expect=3)
        stage.on(1, "touch", CONFIG)
        report = stage.json(1, "csync", "status")["local"]
        assert (report["unapplied"], report["unsaved"]) == (["haproxy"], [CONFIG])
    finally:
        stage.on(1, "sh", "-ec", f"rm -r /etc/.staging/other; sed -i '/{line}/d' {CONFIG}")
    stage.shows(2, "green")


def test_a_cut_cable_is_noticed_within_ten_seconds(stage: Stage) -> None:
    stage.lab.link(2, False)
    try:
        seconds_until_logged(stage, 1, "the pair is red", 10)
        report = stage.json(1, "csync", "status")
        assert report["state"] == "red" and report["reasons"] and report["peer"]["reachable"] is False
        assert report["services"]["haproxy"]["in_sync"] is None
    finally:
        stage.lab.link(2, True)
    stage.shows(1, "green")


def test_status_right_after_the_cable_was_cut_does_not_guess(stage: Stage) -> None:
    stage.lab.link(2, False)
    try:
        assert stage.json(1, "csync", "status")["state"] == "red"
    finally:
        stage.lab.link(2, True)
    stage.shows(1, "green")


def test_csyncd_stopped_there_and_here(stage: Stage) -> None:
    stage.on(2, "service", "csyncd", "stop")
    assert stage.json(1, "csync", "status")["state"] == "red"
    says(stage, "csyncd does not run on node 2, or has not got its port there", "Connection refused")
    report = stage.json(2, "csync", "status")
    assert report["state"] == "red" and "does not run on this node" in report["reasons"][0]
    assert report["local"]["node"] == 2
    stage.on(2, "service", "csyncd", "start")
    stage.shows(1, "green")
    stage.shows(2, "green")


def test_a_crashed_csyncd_is_back_and_leaves_nothing_behind(stage: Stage) -> None:
    before = {service["name"]: service["pid"] for service in stage.json(2, "service", "list")}
    assert before["csyncd"]
    stage.on(2, "kill", "-9", str(before["csyncd"]))
    assert is_started_again(stage.lab, "csyncd", before["csyncd"], 2)
    now = {service["name"]: service["pid"] for service in stage.json(2, "service", "list")}
    assert {name: pid for name, pid in now.items() if name != "csyncd"} == {
        name: pid for name, pid in before.items() if name != "csyncd"
    }
    stage.shows(1, "green")
    stage.shows(2, "green")
    gates = ("pgrep", "-fc", "^sshd: /usr/sbin/sshd.*csyncd/sshd_config")
    # Whoever comes in is served by a child that looks like its parent at first.
    assert eventually(lambda: stage.lab.run(2, *gates, check=False).stdout == "1\n")


@pytest.mark.all(but=["REMOTE_NODE-3-mixed up", "REMOTE_IP-10.32.0.99-"])
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("REMOTE_NODE", "3", "mixed up"), ("LOCAL_NODE", "4", "mixed up"), ("REMOTE_IP", "10.32.0.99", "")],
)
def test_identities_that_do_not_mirror_each_other_are_red_with_the_reason(
    stage: Stage, field: str, value: str, words: str
) -> None:
    stage.on(2, "sed", "-i", f"s/^{field}=.*/{field}={value}/", "/etc/csyncd/csyncd.cfg")
    stage.on(2, "service", "csyncd", "restart")
    try:
        says(stage, words)
        assert stage.lab.run(1, "csync", "push", "haproxy", check=False).status in (1, 3)
    finally:
        stage.lab.write(2, "/etc/csyncd/csyncd.cfg", story.settings(2))
        stage.on(2, "service", "csyncd", "restart")
    stage.shows(1, "green")


def test_a_wrong_csyncd_cfg_is_an_invalid_configuration_with_every_line(stage: Stage) -> None:
    stage.lab.write(1, "/etc/csyncd/csyncd.cfg", "LOCAL_IP=10.9.9.9\nREMOTE_IP=x\nLOCAL_NODE=1\nREMOTE_NODE=1\n")
    try:
        done = stage.lab.run(1, "service", "csyncd", "restart", check=False)
        assert done.status == 4
        assert "/etc/csyncd/csyncd.cfg:2: REMOTE_IP: 'x' is not an IP address" in done.stderr
    finally:
        stage.lab.write(1, "/etc/csyncd/csyncd.cfg", story.settings(1))
    stage.shows(1, "green")


def test_a_broken_config_rc_is_red_on_both_nodes_and_check_does_not_send_anybody_to_the_keys(stage: Stage) -> None:
    saved = stage.on(1, "cat", "/etc/config.rc")
    for command, word in (
        ("echo '\"open' >>/etc/config.rc", "is opened and not closed"),
        ("rm /etc/config.rc", "not read"),
    ):
        stage.on(1, "sh", "-c", command)
        try:
            for node in (1, 2):
                told = stage.json(node, "csync", "status")
                assert told["state"] == "red" and told["remedy"] == "config check on node 1", (node, told)
                assert any(
                    reason.startswith("node 1: /etc/config.rc:") and word in reason for reason in told["reasons"]
                )
            assert all("getkey" not in item["remedy"] for item in failures(stage))
        finally:
            stage.lab.write(1, "/etc/config.rc", saved)
        stage.shows(1, "green")


def test_a_user_key_that_is_damaged_or_open_to_others_is_not_taken_for_one_that_the_peer_lacks(stage: Stage) -> None:
    key = "/etc/csyncd/id_ed25519"
    for command, word, remedy in (
        (f"echo junk >{key}", "cannot be used", "config restore"),
        (f"chmod 644 {key}", "others may read", f"chmod 600 {key}"),
        (
            f"ssh-keygen -q -t ed25519 -N '' -f /tmp/other && cat /tmp/other >{key}",
            "not the one that",
            "config restore",
        ),
    ):
        stage.on(1, "sh", "-c", f"cp -a {key} /tmp/kept && {command}")
        stage.on(1, "service", "csyncd", "restart")
        try:
            told = says(stage, word, "ssh: ")
            assert told["remedy"].startswith(remedy) and "@@@" not in told["reasons"][0]
        finally:
            stage.on(1, "sh", "-c", f"cp -a /tmp/kept {key}; rm -f /tmp/other*")
            stage.on(1, "service", "csyncd", "restart")
        stage.shows(1, "green")


@pytest.mark.all
def test_a_host_key_that_others_may_read_is_said_without_a_banner_and_with_the_remedy(stage: Stage) -> None:
    key = "/etc/csyncd/ssh_host_ed25519_key"
    stage.on(1, "chmod", "644", key)
    refused = stage.on(1, "service", "csyncd", "restart", expect=4)
    assert "others may read this node's host key (mode 0644)" in refused and f"hint: chmod 600 {key}" in refused
    stage.on(1, "pkill", "-KILL", "-f", "firmware csyncd")
    told = says(stage, "node 1: no peer can come in: others may read this node's host key")
    assert told["remedy"].startswith(f"chmod 600 {key}") and "@@@" not in str(told)
    assert failures(stage)[0]["remedy"].startswith(f"chmod 600 {key}")
    stage.on(1, "chmod", "600", key)
    stage.shows(1, "green")


def test_a_lost_host_key_is_not_taken_for_one_that_was_never_made(stage: Stage) -> None:
    key = "/etc/csyncd/ssh_host_ed25519_key"
    stage.on(1, "rm", key)
    stage.on(1, "service", "csyncd", "restart")
    says(stage, "keys are not whole", f"there is no {key}")
    (lost,) = [item for item in failures(stage) if item["item"] == "keys are exchanged"]
    assert lost["remedy"].startswith("config restore, ")
    stage.on(1, "config", "restore")
    stage.on(1, "service", "csyncd", "restart")
    stage.shows(1, "green")


def test_check_goes_through_the_troubleshooting_list(stage: Stage) -> None:
    assert all(item["passed"] for item in stage.json(1, "csync", "check"))
    stage.on(1, "sh", "-c", "cp /etc/config.rc /tmp/rc; echo bogus >>/etc/config.rc")
    (failed,) = failures(stage)
    assert (
        failed["item"] == "config.rc is correct" and "bogus" in failed["found"] and failed["remedy"] == "config check"
    )
    stage.on(1, "cp", "/tmp/rc", "/etc/config.rc")
    stage.on(2, "service", "wui", "stop")
    failed = failures(stage)
    assert [item["item"] for item in failed] == ["both web UIs listen on the same port, with the same scheme"]
    assert failed[0]["remedy"]
    stage.on(2, "service", "wui", "start")


def test_check_says_which_node_lacks_its_keys(stage: Stage) -> None:
    away = "mkdir /tmp/keys && mv /etc/csyncd/*_ed25519* /tmp/keys"
    for node, item, remedy in (
        (2, "the peer has keys", "on the peer: csync genkey"),
        (1, "keys are exchanged", "csync genkey"),
    ):
        stage.on(node, "sh", "-c", away)
        try:
            if node == 1:
                says(stage, "this node has no keys yet")  # csyncd has noticed
            found = {failed["item"]: failed for failed in failures(stage)}
            assert "both web UIs listen on the same port, with the same scheme" not in found
            assert remedy in found[item]["remedy"]
            if node == 1:
                assert "csync genkey" in found["sync works"]["remedy"]
        finally:
            stage.on(node, "sh", "-c", "mv /tmp/keys/* /etc/csyncd && rmdir /tmp/keys")
            stage.on(node, "service", "csyncd", "restart")
        stage.shows(1, "green")


def failures(stage: Stage, node: int = 1) -> list[dict[str, str]]:
    """The items that `csync check` on a node does not find as they should be."""
    done = stage.lab.run(node, "csync", "check", "--json", check=False)
    assert done.status == 1
    return [item for item in json.loads(done.stdout) if not item["passed"]]


def test_no_route_is_said_in_sshs_own_words(stage: Stage) -> None:
    stage.on(1, "sed", "-i", "s/^REMOTE_IP=.*/REMOTE_IP=203.0.113.9/", "/etc/csyncd/csyncd.cfg")
    stage.on(1, "service", "csyncd", "restart")
    try:
        says(stage, "no route", "Network is unreachable")
    finally:
        stage.lab.write(1, "/etc/csyncd/csyncd.cfg", story.settings(1))
        stage.on(1, "service", "csyncd", "restart")
    stage.shows(1, "green")


def test_a_peer_that_swallows_everything_is_a_time_out(stage: Stage) -> None:
    stage.on(2, "ip", "addr", "add", "10.32.0.77/24", "dev", "eth0")
    silent = "import socket,time; s=socket.create_server(('10.32.0.77',30022)); print(flush=True); time.sleep(600)"
    mute = stage.lab.start(2, "/usr/bin/python3", "-c", silent)
    assert mute.stdout and mute.stdout.readline()
    stage.on(1, "sed", "-i", "s/^REMOTE_IP=.*/REMOTE_IP=10.32.0.77/", "/etc/csyncd/csyncd.cfg")
    stage.on(1, "service", "csyncd", "restart")
    try:
        says(stage, "no answer", "timed out")
    finally:
        stage.on(2, "pkill", "-f", "create_server")
        mute.communicate()
        stage.on(2, "ip", "addr", "del", "10.32.0.77/24", "dev", "eth0")
        stage.lab.write(1, "/etc/csyncd/csyncd.cfg", story.settings(1))
        stage.on(1, "service", "csyncd", "restart")
    stage.shows(1, "green")


#: csyncd's own way to start sshd, with an option of which sshd merely complains
WARNED = """
import asyncio
from pathlib import Path
from firmware.sync import peer_sshd, settings
made = peer_sshd.sshd_config
peer_sshd.sshd_config = lambda *given, **more: made(*given, **more) + "KeyRegenerationInterval 1\\n"
async def main():
    sshd = await peer_sshd.start(settings.read(), [], Path("/run/warned"))
    while line := (await sshd.stderr.readline()).decode():
        print(line, end="")
        if line.startswith("Server listening"):
            sshd.terminate()
asyncio.run(main())
"""


def test_an_option_that_another_sshd_does_not_know_keeps_no_peer_out(stage: Stage) -> None:
    stage.on(2, "service", "csyncd", "stop")
    said = stage.on(2, "sh", "-c", 'mkdir /run/warned; exec "$@"', "sh", PYTHON, "-c", WARNED)
    assert "Deprecated option KeyRegenerationInterval" in said and "Server listening on 10.32.0.12 port 30022" in said
    stage.on(2, "service", "csyncd", "start")
    stage.shows(1, "green")


def test_a_broken_config_rc_is_no_reason_to_lose_the_state(stage: Stage) -> None:
    before = stage.lab.read(1, "/etc/config.rc")
    stage.lab.write(1, "/etc/config.rc", before + "\nservice 'ntp\n")
    report = stage.json(1, "csync", "status")
    assert report["state"] == "red" and report["local"]["unsaved"] == ["/etc/config.rc"] and report["peer"]["reachable"]
    done = stage.lab.run(1, "csync", "push", "haproxy", check=False)
    assert done.status == 4 and done.stderr.startswith("/etc/config.rc:")
    stage.lab.write(1, "/etc/config.rc", before)
