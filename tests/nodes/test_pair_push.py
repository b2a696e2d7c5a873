"""Push, diff, save and status between two real nodes, in every case that the contract names."""

import pytest
from lab_driver import Lab, eventually
from push_helpers import agree, digest, force_push, pair_nodes, push
from story import CONFIG, Stage, page


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    """Two nodes that are paired."""
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    return made


@pytest.fixture
def agreed(stage: Stage) -> Stage:
    """The pair with the same haproxy on both, pushed from node 1."""
    agree(stage)
    return stage


def test_a_small_change_takes_one_round_trip(agreed: Stage) -> None:
    agreed.edit(1, page("small"))
    status, report, _ = push(agreed)
    assert (status, report["result"], report["round_trips"]) == (0, "applied", 1)
    (change,) = report["files"]
    assert (change["path"], change["change"]) == (CONFIG, "changed")
    assert set(change["before"]) == set(change["after"]) == {"digest", "mode", "owner", "size"}
    assert (
        change["before"]["digest"].startswith("xxh3-128:") and change["before"]["digest"] != change["after"]["digest"]
    )
    assert report["check"]["status"] == report["reload"]["status"] == 0
    agreed.serves(2, "small")


def test_new_files_with_modes_and_owners_travel_and_removed_ones_go(agreed: Stage) -> None:
    agreed.on(
        1,
        "sh",
        "-ec",
        "cd /etc/haproxy; mkdir -p maps/deep; echo k v >maps/deep/a.map; chmod 640 maps/deep/a.map; chown root:haproxy maps/deep/a.map; mkdir maps/empty; chmod 750 maps/empty; chgrp haproxy maps/empty",
    )
    agreed.on(1, "service", "haproxy", "apply")
    status, report, _ = push(agreed)
    assert (status, report["result"]) == (0, "applied")
    assert [change["change"] for change in report["files"]] == ["added"] * 4
    assert digest(agreed, 1) == digest(agreed, 2)
    agreed.on(1, "rm", "-r", "/etc/haproxy/maps")
    agreed.on(1, "service", "haproxy", "apply")
    assert [change["change"] for change in push(agreed)[1]["files"]] == ["removed"] * 4
    assert digest(agreed, 1) == digest(agreed, 2)


def test_what_the_checkers_of_both_nodes_warn_of_is_told(agreed: Stage) -> None:
    """A name in the file fits one node only: there the section is dropped, and the other one has to hear of it."""
    for own, other in ((1, 2), (2, 1)):
        agreed.edit(
            1, page(f"peers {own}") + f"peers all\n    peer node{own} 127.0.0.1:1024\n    peer x 127.0.0.1:1025\n"
        )
        status, report, _ = push(agreed)
        assert (status, report["warnings"][str(own)]) == (0, [])
        (line,) = report["warnings"][str(other)]
        assert line.startswith(f"{CONFIG}:") and ": warning: Removing incomplete section 'peers all'" in line
    agreed.edit(1, page("told") + "peers all\n    peer node1 127.0.0.1:1024\n    peer x 127.0.0.1:1025\n")
    said = agreed.lab.run(1, "csync", "push", "haproxy").stderr
    assert f"node 2: {CONFIG}:" in said and "node 1:" not in said


def test_unapplied_changes_are_refused_with_the_remedy(agreed: Stage) -> None:
    before = digest(agreed, 2)
    agreed.lab.write(1, CONFIG, page("untested"))
    status, report, said = push(agreed)
    assert (status, report["result"], report["files"]) == (3, "refused", [])
    assert "hint: service haproxy apply" in said
    assert digest(agreed, 2) == before
    agreed.on(1, "service", "haproxy", "revert")


def test_directives_that_name_programs_do_not_travel(agreed: Stage) -> None:
    agreed.on(1, "config", "set", "haproxy", "bin", "/usr/sbin/haproxy")
    agreed.on(1, "service", "haproxy", "apply")
    status, _, said = push(agreed)
    assert (status, "bin" in said) == (3, True)
    agreed.on(1, "config", "del", "haproxy", "bin")
    agreed.on(1, "service", "haproxy", "apply")


def test_a_service_that_is_not_there(stage: Stage) -> None:
    assert push(stage, service="nonsense")[0] == 2
    assert stage.lab.run(1, "csync", "push", check=False).status == 2


def test_an_edit_by_hand_on_the_receiver_is_a_conflict_and_force_overwrites_what_was_shown(agreed: Stage) -> None:
    agreed.on(2, "sh", "-c", f"echo '# by hand' >>{CONFIG}")
    agreed.edit(1, page("conflict"))
    before = digest(agreed, 2)
    status, report, said = push(agreed)
    assert (status, report["result"]) == (3, "refused")
    assert "-# by hand" in report["files"][0]["diff"]
    assert "--force" in said
    assert digest(agreed, 2) == before
    agreed.on(2, "sh", "-c", f"echo '# again' >>{CONFIG}")
    status, report, said = push(agreed, "--force")
    assert (status, report["result"]) == (3, "refused")
    assert "changed again" in said and "-# again" in report["files"][0]["diff"]
    status, report, _ = push(agreed, "--force")
    assert (status, report["result"]) == (0, "applied")
    agreed.serves(2, "conflict")


def test_a_change_of_the_block_alone_travels_and_conflicts_too(agreed: Stage) -> None:
    agreed.on(1, "config", "set", "haproxy", "check_interval", "7")
    agreed.on(1, "service", "haproxy", "apply")
    (change,) = agreed.json(1, "csync", "diff", "haproxy")["files"]
    assert push(agreed)[0] == 0
    assert change["path"] == "/etc/config.rc" and "+\tcheck_interval 7" in change["diff"].replace("    ", "\t")
    assert agreed.on(2, "config", "get", "haproxy", "check_interval").strip() == "7"
    agreed.on(2, "config", "set", "haproxy", "check_interval", "9")
    agreed.edit(1, page("block"))
    assert push(agreed)[0] == 3
    agreed.on(1, "config", "del", "haproxy", "check_interval")
    agreed.on(1, "service", "haproxy", "apply")
    force_push(agreed)


def test_comments_and_white_space_in_config_rc_are_no_conflict(agreed: Stage) -> None:
    agreed.on(2, "sh", "-c", "printf '\n\n   # a comment at the end\n' >>/etc/config.rc")
    agreed.edit(1, page("comment"))
    assert push(agreed)[0] == 0
    assert "# a comment at the end" in agreed.lab.read(2, "/etc/config.rc")


def test_what_the_peers_checker_refuses_leaves_the_peer_as_it_was(agreed: Stage) -> None:
    before = digest(agreed, 2)
    agreed.on(1, "sh", "-c", "mkdir -p /etc/maps; echo a b >/etc/maps/here; chmod -R a+rX /etc/maps")
    agreed.edit(
        1, page("mapped").replace(":8080\n", ":8080\n    http-request set-header x %[path,map(/etc/maps/here)]\n")
    )
    status, report, said = push(agreed)
    assert (status, report["result"]) == (4, "failed")
    assert "/etc/maps/here" in report["check"]["output"] and "/etc/maps/here" in said
    assert report["reload"] is None
    assert digest(agreed, 2) == before
    agreed.serves(2, "agreed")
    assert agreed.on(2, "ls", "-A", "/etc/.staging").strip() == ""


def test_the_checker_sees_new_files_at_their_final_paths(agreed: Stage) -> None:
    agreed.on(1, "sh", "-c", "mkdir -p /etc/haproxy/maps; echo / mapped >/etc/haproxy/maps/new")
    agreed.edit(
        1,
        page("mapped").replace(":8080\n", ":8080\n    http-request set-header x %[path,map(/etc/haproxy/maps/new)]\n"),
    )
    assert push(agreed)[0] == 0
    agreed.serves(2, "mapped")


def test_a_push_back_from_the_other_node(agreed: Stage) -> None:
    agreed.edit(2, page("back"))
    assert push(agreed, node=2)[1]["result"] == "applied"
    agreed.serves(1, "back")
    agreed.edit(1, page("and forth"))
    assert push(agreed)[1]["result"] == "applied"


def test_diff_changes_nothing_and_never_shows_a_private_key(agreed: Stage) -> None:
    agreed.on(
        1,
        "sh",
        "-ec",
        "cd /etc/haproxy; mkdir -p extra; ssh-keygen -q -t ed25519 -N '' -f extra/key; head -c 300 /dev/urandom >extra/binary",
    )
    agreed.on(1, "service", "haproxy", "apply")
    before = digest(agreed, 2)
    report = agreed.json(1, "csync", "diff", "haproxy")
    shown = {change["path"].rpartition("/")[2]: change["diff"] for change in report["files"]}
    assert shown["key"] is None and shown["binary"] is None and "+ssh-ed25519" in shown["key.pub"]
    assert "PRIVATE KEY" not in agreed.on(1, "csync", "diff", "haproxy")
    assert digest(agreed, 2) == before


def test_another_service_is_pushed_by_itself(agreed: Stage) -> None:
    agreed.edit(1, page("not pushed"))
    agreed.on(1, "sh", "-c", "echo '# changed' >>/etc/syslogd/syslog.conf")
    agreed.on(1, "service", "syslogd", "apply")
    status, report, _ = push(agreed, service="syslogd")
    assert (status, report["result"]) == (0, "applied")
    assert "# changed" in agreed.lab.read(2, "/etc/syslogd/syslog.conf")
    agreed.serves(2, "agreed")
    services = agreed.json(1, "csync", "status")["services"]
    assert (services["syslogd"]["in_sync"], services["haproxy"]["in_sync"]) == (True, False)
    assert services["syslogd"]["last_push"]["node"] == 1


def test_what_is_each_nodes_own_no_push_changes(agreed: Stage) -> None:
    """Logs sent elsewhere, switched off or without bounds: not by a peer, whatever is forced."""
    agreed.on(1, "config", "add", "syslogd", "remote", "10.32.0.66")
    agreed.on(1, "service", "syslogd", "apply")
    try:
        status, report, _ = push(agreed, "--force", service="syslogd")
        assert (status, report["result"]) == (3, "refused")
        assert "'remote' is each node's own, and no push changes it: here there is none" in report["message"]
        agreed.on(2, "config", "add", "syslogd", "remote", "10.32.0.66")
        agreed.on(2, "service", "syslogd", "apply")
        agreed.on(1, "sh", "-c", "echo '# more' >>/etc/syslogd/syslog.conf; service syslogd apply")
        assert push(agreed, "--force", service="syslogd")[0] == 0, "the same on both nodes is no obstacle"
        agreed.on(1, "config", "del", "syslogd", "remote")
        agreed.on(1, "service", "syslogd", "apply")
        assert push(agreed, service="syslogd")[0] == 3, "nor does a push take it away"
    finally:
        for node in (1, 2):
            agreed.on(node, "sh", "-c", "config del syslogd remote; service syslogd apply")


def test_remote_save_makes_the_push_last(agreed: Stage) -> None:
    agreed.edit(1, page("lasting"))
    push(agreed)
    agreed.shows(1, "orange")
    assert CONFIG in agreed.json(1, "csync", "status")["peer"]["unsaved"]
    report = agreed.json(1, "csync", "save")
    assert report["node"] == 2 and report["digest"].startswith("sha256:")
    green = agreed.shows(1, "green")
    peer = green["services"]["haproxy"]["peer"]
    assert peer["files"] == peer["applied"] == peer["saved"] and peer["files"].startswith("xxh3-128:")
    agreed.lab.cut(2)
    agreed.serves(2, "lasting")
    agreed.shows(1, "green")


def test_an_unsaved_push_is_gone_after_a_reboot_and_can_be_pushed_again(agreed: Stage) -> None:
    agreed.on(1, "csync", "save")
    agreed.edit(1, page("fleeting"))
    push(agreed)
    agreed.serves(2, "fleeting")
    agreed.lab.cut(2)
    agreed.serves(2, "agreed")
    agreed.shows(1, "green")
    assert push(agreed)[1]["result"] == "applied"
    agreed.serves(2, "fleeting")


def test_the_trail_tells_who_did_what_on_both_nodes(agreed: Stage) -> None:
    agreed.edit(1, page("audited"))
    push(agreed)
    fingerprint = agreed.json(1, "csync", "keys")["user"]["fingerprint"]
    here, there = agreed.json(1, "csync", "log")[-1], agreed.json(2, "csync", "log")[-1]
    assert (here["event"], here["result"], here["service"]) == ("push", "applied", "haproxy")
    assert (there["event"], there["result"], there["service"]) == ("push received", "applied", "haproxy")
    assert (there["who"], there["from"], there["key"]) == ("node-1", "10.32.0.11", fingerprint)
    assert CONFIG in there["files"] and here["who"] == "root"
    assert there["before"] != there["after"] and (there["before"], there["after"]) == (here["before"], here["after"])


def test_a_push_to_a_node_where_the_service_is_stopped_says_so(agreed: Stage) -> None:
    agreed.on(2, "service", "haproxy", "stop")
    agreed.edit(1, page("stopped"))
    assert "it does not run on node 2" in agreed.on(1, "csync", "push", "haproxy")
    agreed.on(1, "csync", "save")
    wanted = ["node 2: does not run: haproxy"]
    assert eventually(lambda: agreed.json(1, "csync", "status")["reasons"] == wanted)
    agreed.shows(1, "orange")
    agreed.on(2, "service", "haproxy", "start")
    agreed.shows(1, "green")
    agreed.serves(2, "stopped")


def test_a_rollback_by_hand_on_the_receiver_is_a_conflict(agreed: Stage) -> None:
    agreed.on(1, "csync", "save")
    before = agreed.json(2, "config", "history")[0]["generation"]
    agreed.edit(1, page("newer"))
    push(agreed)
    agreed.on(1, "csync", "save")
    agreed.on(2, "config", "rollback", str(before))
    agreed.on(2, "service", "haproxy", "apply")
    agreed.edit(1, page("newest"))
    status, report, _ = push(agreed)
    assert (status, report["result"]) == (3, "refused")
    agreed.serves(2, "agreed")


def test_a_push_does_not_carry_what_it_replaced(agreed: Stage) -> None:
    agreed.on(1, "sh", "-ec", "mkdir -p /etc/haproxy/extra; seq 200000 >/etc/haproxy/extra/long")
    agreed.on(1, "service", "haproxy", "apply")
    push(agreed)
    agreed.on(1, "sh", "-ec", "seq 200001 >/etc/haproxy/extra/long; service haproxy apply")
    done = agreed.lab.run(1, "csync", "push", "haproxy", "--json")
    assert len(done.stdout) < 5000


def test_what_is_applied_is_copied_anew_where_its_copy_has_been_written_to(agreed: Stage) -> None:
    """Files that stay as they are have one copy for what is applied before and after; one that was damaged is not kept."""
    copy = "/run/firmware/applied/haproxy/files/haproxy.cfg"
    agreed.on(1, "sh", "-ec", "echo one >/etc/haproxy/beside; service haproxy apply")
    assert push(agreed)[0] == 0
    before = agreed.on(2, "stat", "-c", "%i", copy)
    agreed.on(1, "sh", "-ec", "echo two >/etc/haproxy/beside; service haproxy apply")
    assert push(agreed)[0] == 0 and agreed.on(2, "stat", "-c", "%i", copy) == before
    agreed.on(2, "sh", "-ec", f"echo damaged >>{copy}")
    agreed.on(1, "sh", "-ec", "echo three >/etc/haproxy/beside; service haproxy apply")
    assert push(agreed)[0] == 0
    agreed.on(2, "diff", "-r", "/run/firmware/applied/haproxy/files", "/etc/haproxy")


def test_no_room_on_the_receiver_is_said_before_anything_is_sent(agreed: Stage) -> None:
    before = digest(agreed, 2)
    agreed.on(1, "sh", "-ec", "mkdir -p /etc/haproxy/extra; head -c 3000000 /dev/urandom >/etc/haproxy/extra/large")
    agreed.on(1, "service", "haproxy", "apply")
    agreed.on(2, "mount", "-o", "remount,size=2M", "/etc")
    agreed.on(1, "csync", "status")  # by which the peer tells its room
    try:
        status, report, said = push(agreed)
    finally:
        agreed.on(2, "mount", "-o", "remount,size=1G", "/etc")
    assert (status, report["result"]) == (3, "refused")
    assert (
        "no room on node-2: 2.9 MiB take " in said and "the largest file is /etc/haproxy/extra/large, 3000000" in said
    )
    assert digest(agreed, 2) == before
    assert agreed.on(2, "sh", "-c", "ls -A /etc/.staging 2>/dev/null; true").strip() == ""
    assert push(agreed)[0] == 0
