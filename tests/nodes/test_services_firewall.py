"""Packet filter rules on real nodes: nftables of the kernel, checked before they count, and pushed like any other service."""

from collections.abc import Iterator

import pytest
import story
from lab_driver import Lab
from push_helpers import push
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
    story.pair(made)
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


def ruleset(lab: Lab, node: int = 1) -> str:
    return lab.run(node, "nft", "list", "ruleset").stdout


def answers(lab: Lab, port: int) -> bool:
    """Does node 1 answer node 2 at that port, if only to say that nobody listens?"""
    done = lab.run(2, "curl", "-sk", "-m", "1", f"https://{story.ADDRESSES[1]}:{port}/", check=False)
    return done.status != 28  # a time-out


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
    stage.on(1, "csync", "diff", "firewall")
    status, report, _ = push(stage, "--force", service="firewall")
    assert (status, report["result"]) == (0, "applied") and "dport 8099" in ruleset(lab, 2)
    run_service(lab, "firewall", "stop", node=2)
