"""The audit trail: who did what, from where, with which key, and what came of it, on both nodes."""

from collections.abc import Mapping
from typing import Any

from lab_driver import eventually
from story import ADDRESSES, CONFIG, Stage, page


def last(stage: Stage, node: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = stage.json(node, "csync", "log")[-1]
    return found


def test_a_push_is_in_both_trails_with_account_address_key_digests_and_words(stage: Stage) -> None:
    stage.edit(1, page("trail"))
    stage.on(1, "csync", "push", "haproxy")
    here, there = last(stage, 1), last(stage, 2)
    assert (here["event"], here["result"], here["service"], here["who"], here["to"]) == (
        "push", "applied", "haproxy", "root", "node-2",
    )  # fmt: skip
    user = stage.json(1, "csync", "keys")["user"]["fingerprint"]
    assert (there["event"], there["result"], there["who"]) == ("push received", "applied", "node-1")
    assert (there["from"], there["key"]) == (ADDRESSES[1], user)
    for entry in (here, there):
        assert entry["files"] == [CONFIG] and entry["check"] == ""
        assert "a new worker serves" in entry["reload"]
        assert entry["before"].startswith("sha256:") and entry["after"].startswith("sha256:")
    assert (here["before"], here["after"], here["push"]) == (there["before"], there["after"], there["push"])
    assert here["before"] != here["after"]
    stage.edit(1, page("and on"))
    stage.on(1, "csync", "push", "haproxy")
    assert last(stage, 2)["before"] == there["after"]


def test_an_administrator_who_logged_in_is_named_with_address_and_key(stage: Stage) -> None:
    stage.on(2, "sh", "-ec", "ssh-keygen -q -t ed25519 -N '' -f /root/admin; mkdir -p -m 755 /etc/ssh/authorized_keys")
    stage.on(1, "mkdir", "-p", "-m", "755", "/etc/ssh/authorized_keys")
    stage.lab.write(1, "/etc/ssh/authorized_keys/root", stage.lab.read(2, "/root/admin.pub"))
    stage.edit(1, page("administered"))
    login = ["ssh", "-i", "/root/admin", "-o", "StrictHostKeyChecking=accept-new", f"root@{ADDRESSES[1]}"]
    stage.on(2, *login, "csync push haproxy")
    key = stage.on(2, "ssh-keygen", "-l", "-f", "/root/admin.pub").split()[1]
    entry = last(stage, 1)
    assert (entry["event"], entry["who"], entry["from"], entry["key"]) == ("push", "root", ADDRESSES[2], key)
    assert f"push              applied      haproxy to node-2 by root at {ADDRESSES[2]} with {key}" in stage.on(
        1, "csync", "log"
    )


def test_refusals_failures_and_saves_are_in_it_with_the_reason(stage: Stage) -> None:
    stage.on(1, "csync", "save")
    assert (last(stage, 1)["event"], last(stage, 1)["result"]) == ("remote save", "saved")
    assert (last(stage, 2)["event"], last(stage, 2)["result"], last(stage, 2)["who"]) == ("save", "saved", "node-1")
    stage.on(2, "sh", "-c", f"echo '# by hand' >>{CONFIG}")
    stage.edit(1, page("conflict"))
    stage.on(1, "csync", "push", "haproxy", expect=3)
    for node, event in ((1, "push"), (2, "push received")):
        entry = last(stage, node)
        assert (entry["event"], entry["result"]) == (event, "refused")
        assert "was changed on the receiving node" in entry["message"]
    stage.on(1, "csync", "push", "haproxy", "--force")
    stage.on(1, "sh", "-ec", "mkdir -p /etc/maps; echo a b >/etc/maps/here; chmod -R a+rX /etc/maps")
    stage.edit(1, page("map").replace(":8080\n", ":8080\n    http-request set-header x %[path,map(/etc/maps/here)]\n"))
    stage.on(1, "csync", "push", "haproxy", expect=4)
    for node in (1, 2):
        assert last(stage, node)["result"] == "failed" and "/etc/maps/here" in last(stage, node)["check"]


def test_it_survives_a_csyncd_that_is_restarted_or_killed(stage: Stage) -> None:
    before = stage.json(2, "csync", "log")
    stage.on(2, "service", "csyncd", "restart")
    pids = {row["name"]: row["pid"] for row in stage.json(2, "service", "list")}
    stage.on(2, "kill", "-9", str(pids["csyncd"]))
    assert eventually(lambda: stage.json(1, "csync", "status")["state"] != "red")
    assert stage.json(2, "csync", "log")[: len(before)] == before
