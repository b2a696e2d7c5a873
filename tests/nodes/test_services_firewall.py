"""Packet filter rules on real nodes: nftables of the kernel, checked before they count, and pushed like any other service."""

from collections.abc import Iterator

import pytest
import story
from lab_driver import Lab, eventually
from push_helpers import pair_nodes, push
from service_helpers import append, run_service, service_row
from story import Stage

FILE = "/etc/firewall/rules.nft"
TABLE = """\
table inet firewall {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 8099 drop
    }
}
"""


@pytest.fixture(scope="module")
def stage(module_lab: Lab) -> Stage:
    made = Stage(module_lab, tell=lambda text: None)
    pair_nodes(made)
    append(module_lab, "/etc/config.rc", "\nservice firewall\n")
    return made


@pytest.fixture
def lab(stage: Stage) -> Iterator[Lab]:
    """A node with the factory's rules, which are not loaded."""
    config = stage.lab.read(1, "/etc/config.rc")
    yield stage.lab
    run_service(stage.lab, "firewall", "stop")
    stage.lab.write(1, "/etc/config.rc", config)
    stage.lab.run(1, "cp", f"/usr/share/factory{FILE}", FILE)
    assert ruleset(stage.lab) == ""


#: lets nobody in who is not in already
CLOSED = """\
table inet firewall {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
    }
}
"""


def ruleset(lab: Lab, node: int = 1) -> str:
    return lab.run(node, "nft", "list", "ruleset").stdout


def answers(lab: Lab, port: int) -> bool:
    """Does node 1 answer node 2 at that port, if only to say that nobody listens?"""
    return lab.run(2, "/usr/bin/python3", "-c", CONNECT, story.ADDRESSES[1], str(port)).stdout != "silence\n"


#: connects, which is answered without any process of the other node
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5).close()
except TimeoutError:
    print("silence")
except ConnectionRefusedError:
    pass
"""


def problems(lab: Lab, text: str) -> str:
    lab.write(1, FILE, text)
    return run_service(lab, "firewall", "check", status=4).stderr


def test_the_factorys_rules_leave_administration_open_and_nothing_else(stage: Stage, lab: Lab) -> None:
    assert answers(lab, 8099)
    run_service(lab, "firewall", "start")
    assert service_row(lab, "firewall")["state"] == "running"
    assert answers(lab, 4444) and answers(lab, 22) and answers(lab, 30022) and not answers(lab, 8099)
    assert stage.json(2, "csync", "status")["state"] != "red"
    run_service(lab, "firewall", "stop")
    assert answers(lab, 8099)


def test_rules_are_replaced_in_one_step_and_those_of_others_stay(lab: Lab) -> None:
    lab.run(1, "nft", "add", "table", "inet", "mine")
    run_service(lab, "firewall", "start")
    lab.write(1, FILE, TABLE.replace("inet firewall", "inet other"))
    run_service(lab, "firewall", "apply")
    assert "table inet other" in ruleset(lab) and "table inet firewall" not in ruleset(lab)
    assert "table inet mine" in ruleset(lab)
    run_service(lab, "firewall", "stop")
    assert ruleset(lab) == "table inet mine {\n}\n"
    lab.run(1, "nft", "delete", "table", "inet", "mine")


def test_a_table_of_somebody_else_is_not_replaced(lab: Lab) -> None:
    lab.run(1, "nft", "-f", "-", stdin="table inet firewall {\n counter theirs { }\n}\n")
    before = ruleset(lab)
    try:
        error = run_service(lab, "firewall", "start", status=1).stderr
        assert "table inet firewall was loaded by somebody else" in error and ruleset(lab) == before
        run_service(lab, "firewall", "stop")
        assert ruleset(lab) == before
    finally:
        lab.run(1, "nft", "delete", "table", "inet", "firewall")
    run_service(lab, "firewall", "start")
    run_service(lab, "firewall", "restart")
    assert "table inet firewall" in ruleset(lab), "its own it does replace"


def test_a_broken_file_leaves_the_rules_that_are_in_force(lab: Lab) -> None:
    run_service(lab, "firewall", "start")
    before = ruleset(lab)
    lab.write(1, FILE, TABLE.replace("drop", "frop"))
    error = run_service(lab, "firewall", "apply", status=4).stderr
    assert f"{FILE}:4: " in error and ruleset(lab) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", f"{FILE}:1: there is no table in it"),
        ("flush ruleset\n" + TABLE, f"{FILE}:1: 'flush' is not supported: only 'table' and 'define' stand outermost"),
        (TABLE + 'include "/etc/shadow"\n', f"{FILE}:7: 'include' is not supported"),
        (TABLE.replace("tcp dport", 'include "/etc/shadow"; tcp dport'), f"{FILE}:4: 'include' is not supported"),
        (TABLE + "delete table inet mine\n", f"{FILE}:7: 'delete' is not supported"),
        ("# flush\n" + TABLE[:-2], f"{FILE}:"),
        (TABLE.replace("8099", "80999"), f"{FILE}:4: "),
        (TABLE.replace("drop", 'log prefix "\x1b[2J" drop'), f"{FILE}:4: a control character stands in this line"),
    ],
)
def test_mistakes_and_commands_are_named_with_their_line(lab: Lab, text: str, words: str) -> None:
    assert words in problems(lab, text)


def test_without_its_file_it_does_not_start(lab: Lab) -> None:
    lab.run(1, "rm", FILE)
    assert f"{FILE}: there is no such file" in run_service(lab, "firewall", "start", status=4).stderr


def test_settings_count_while_it_runs(lab: Lab) -> None:
    lab.run(1, "config", "add", "firewall", "forward", "on")
    run_service(lab, "firewall", "start")
    assert lab.read(1, "/proc/sys/net/ipv4/ip_forward") == "1\n"
    run_service(lab, "firewall", "stop")
    assert lab.read(1, "/proc/sys/net/ipv4/ip_forward") == "0\n"


@pytest.mark.parametrize(
    "line", ["conntrack max", "conntrack helper 1", "conntrack buckets 100000000", "confdir /etc/firewall/x", "nat on"]
)
def test_what_has_no_effect_is_refused(lab: Lab, line: str) -> None:
    append(lab, "/etc/config.rc", f"    {line}\n")
    assert line.split()[0] in run_service(lab, "firewall", "check", status=4).stderr


def test_it_is_pushed_and_loaded_there(stage: Stage, lab: Lab) -> None:
    append(stage.lab, "/etc/config.rc", "\nservice firewall\n", 2)
    run_service(lab, "firewall", "start", node=2)
    run_service(lab, "firewall", "start")
    lab.write(1, FILE, TABLE)
    run_service(lab, "firewall", "apply")
    stage.on(1, "csync", "diff", "firewall")
    status, report, said = push(stage, "--force", service="firewall")
    assert status == 3 and "takes none of it from a peer" in said and "config add firewall from_peer on" in said
    assert "dport 8099" not in ruleset(lab, 2)
    for node in (1, 2):
        lab.run(node, "config", "add", "firewall", "from_peer", "on")
        run_service(lab, "firewall", "apply", node=node)
    run_service(lab, "firewall", "apply", "--confirm", "60", node=2)
    status, _, said = push(stage, "--force", service="firewall")
    assert status == 3 and "service firewall: it waits to be confirmed" in said and "dport 8099" not in ruleset(lab, 2)
    run_service(lab, "firewall", "undo", node=2)
    stage.on(1, "csync", "diff", "firewall")
    status, report, _ = push(stage, "--force", service="firewall")
    assert (status, report["result"]) == (0, "applied") and "dport 8099" in ruleset(lab, 2)
    run_service(lab, "firewall", "stop", node=2)


@pytest.fixture
def open_rules(lab: Lab) -> Lab:
    """A node whose rules are those of the factory, and whose file has others, which let nobody in."""
    run_service(lab, "firewall", "start")
    lab.write(1, FILE, CLOSED)
    return lab


def test_rules_that_nobody_confirms_go_though_the_session_is_gone(open_rules: Lab) -> None:
    lab = open_rules
    before = ruleset(lab)
    session = "setsid sh -c 'service firewall apply --confirm 7; kill -9 $$' & wait"
    said = lab.run(1, "sh", "-c", session, check=False).stderr
    assert "service firewall: the old one comes back in 7 s, unless: service firewall confirm" in said
    assert "policy drop" in ruleset(lab) and not answers(lab, 22)
    assert eventually(lambda: ruleset(lab) == before) and answers(lab, 22)
    assert eventually(lambda: "waits" not in run_service(lab, "firewall", "status").stdout)
    row = service_row(lab, "firewall")
    assert (row["state"], row["needs_apply"], lab.read(1, FILE)) == ("running", True, CLOSED)
    run_service(lab, "firewall", "revert")
    assert lab.read(1, FILE) == lab.read(1, f"/usr/share/factory{FILE}")


def test_only_who_gets_in_now_may_confirm(open_rules: Lab) -> None:
    lab = open_rules
    lab.run(2, "sh", "-c", "rm -f /tmp/key /tmp/key.pub; ssh-keygen -q -t ed25519 -N '' -f /tmp/key")
    lab.run(1, "mkdir", "-p", "/etc/ssh/authorized_keys")
    lab.write(1, "/etc/ssh/authorized_keys/root", lab.read(2, "/tmp/key.pub"))
    session = lab.start(2, *SSH, "sh")
    assert session.stdin and session.stdout
    session.stdin.write(b"service firewall apply --confirm; service firewall confirm 2>&1; echo $?; exit\n")
    session.stdin.close()
    said = session.stdout.read().decode()
    assert "this session began before what waits" in said and said.endswith("3\n")
    run_service(lab, "firewall", "undo")
    lab.write(1, FILE, CLOSED.replace("accept", "accept; tcp dport $node_ports accept"))
    run_service(lab, "firewall", "apply", "--confirm")
    assert lab.run(2, *SSH, "service firewall confirm").status == 0
    assert "22, 4444, 30022" in ruleset(lab) and not service_row(lab, "firewall")["needs_apply"]


SSH = (
    *("ssh", "-i", "/tmp/key", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
    *("-o", "BatchMode=yes", f"root@{story.ADDRESSES[1]}"),
)


def test_a_first_start_on_trial_ends_with_no_rules(lab: Lab) -> None:
    said = run_service(lab, "firewall", "apply", "--confirm").stderr
    assert "apply does not start it: service firewall start --confirm" in said
    run_service(lab, "firewall", "undo")
    run_service(lab, "firewall", "start", "--confirm", "60")
    assert "table inet firewall" in ruleset(lab)
    assert "waits to be confirmed" in run_service(lab, "firewall", "status").stdout
    assert "waits to be confirmed" in lab.run(1, "csync", "push", "firewall", check=False).stderr
    assert lab.run(1, "config", "save", check=False).status == 3
    run_service(lab, "firewall", "undo")
    assert ruleset(lab) == "" and service_row(lab, "firewall")["state"] == "stopped"


def test_old_rules_that_cannot_be_loaded_again_give_way_to_those_of_the_factory(open_rules: Lab) -> None:
    lab = open_rules
    run_service(lab, "firewall", "apply", "--confirm", "60")
    lab.write(1, "/run/firmware/confirmation/firewall/firewall/firewall.nft", "table inet firewall {\n")
    said = run_service(lab, "firewall", "undo", status=1).stderr
    assert "the rules of the factory are in force" in said and answers(lab, 22)
    assert service_row(lab, "firewall")["state"] == "failed"


def test_the_ports_of_the_node_are_those_that_its_services_have(lab: Lab) -> None:
    run_service(lab, "firewall", "start")
    lab.run(1, "config", "set", "sshd", "port", "2222")
    assert service_row(lab, "firewall")["needs_apply"]
    run_service(lab, "firewall", "apply")
    assert "2222, 4444, 30022" in ruleset(lab)


def test_settings_of_connections_take_effect_and_go_with_it(lab: Lab) -> None:
    names = {"tcp_timeout_established": "7200", "udp_timeout": "45"}
    before = {name: conntrack(lab, name) for name in names}
    for name, value in names.items():
        lab.run(1, "config", "add", "firewall", "conntrack", name, value)
    run_service(lab, "firewall", "start")
    assert {name: conntrack(lab, name) for name in names} == names
    lab.run(1, "config", "del", "firewall", "conntrack", "udp_timeout", "45")
    run_service(lab, "firewall", "apply")
    assert conntrack(lab, "udp_timeout") == before["udp_timeout"]
    run_service(lab, "firewall", "stop")
    assert {name: conntrack(lab, name) for name in names} == before


def conntrack(lab: Lab, name: str) -> str:
    return lab.read(1, f"/proc/sys/net/netfilter/nf_conntrack_{name}").strip()


def test_where_memory_runs_out_nft_goes_first(lab: Lab) -> None:
    spy = '#!/bin/sh\ncat /proc/self/oom_score_adj >>/tmp/scores\nexec /usr/sbin/nft "$@"\n'
    lab.run(1, "install", "-m", "666", "/dev/null", "/tmp/scores")
    lab.write(1, "/usr/local/sbin/nft", spy)
    lab.run(1, "chmod", "755", "/usr/local/sbin/nft")
    try:
        run_service(lab, "firewall", "start")
        assert "1000\n" in lab.read(1, "/tmp/scores")
    finally:
        lab.run(1, "rm", "/usr/local/sbin/nft", "/tmp/scores")
