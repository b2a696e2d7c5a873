"""`service network apply --confirm`: the old network comes back, unless somebody confirms the new one."""

import json
import re
from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import append, run_service, service_row

RC = "/etc/config.rc"
OLD, NEW = "192.0.2.1/24", "192.0.2.2/24"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node with a spare interface that has the old address, and a config.rc with the new one and one more interface."""
    module_lab.run(1, "ip", "link", "add", "spare", "type", "veth", "peer", "name", "other")
    append(module_lab, RC, f"\nservice network spare\n\tip address {OLD}\n")
    run_service(module_lab, "network.spare", "start")
    module_lab.run(1, "sed", "-i", f"s|{OLD}|{NEW}|", RC)
    append(module_lab, RC, "\nservice network tap7\n\ttype tap\n")
    yield module_lab
    module_lab.run(1, "service", "network", "undo", check=False)
    for title in ("network.spare", "network.tap7"):
        module_lab.run(1, "service", title, "stop", check=False)
    module_lab.run(1, "cp", f"/usr/share/factory{RC}", RC)
    module_lab.run(1, "ip", "link", "del", "spare", check=False)


def addresses(lab: Lab) -> list[str]:
    (found,) = json.loads(lab.run(1, "ip", "-j", "address", "show", "dev", "spare").stdout)
    return [f"{one['local']}/{one['prefixlen']}" for one in found["addr_info"] if one["scope"] == "global"]


def test_the_old_network_comes_back_though_the_session_is_gone(lab: Lab) -> None:
    session = "setsid sh -c 'service network apply --confirm 5; kill -9 $$' & wait"
    said = lab.run(1, "sh", "-c", session, check=False).stderr
    assert "service network: the old one comes back in 5 s, unless: service network confirm" in said
    assert addresses(lab) == [NEW]
    assert "waits to be confirmed: what was before comes back in " in run_service(lab, "network.spare", "status").stdout
    assert eventually(lambda: addresses(lab) == [OLD])
    assert eventually(lambda: "waits" not in run_service(lab, "network.spare", "status").stdout)
    row = service_row(lab, "network.spare")
    assert (row["state"], row["needs_apply"]) == ("running", True) and NEW in lab.read(1, RC)
    assert "nothing waits to be confirmed" in run_service(lab, "network", "confirm", status=3).stderr


def test_what_is_confirmed_stays_and_meanwhile_nothing_makes_it_last(lab: Lab) -> None:
    lab.run(1, "sed", "-i", "s|service network tap7|&\\n\\tip address 198.51.100.1/24|", RC)
    run_service(lab, "network", "apply", "--confirm")
    run_service(lab, "network", "start")
    said = lab.run(1, "config", "save", check=False)
    assert re.search(r"\((90|[1-8]?\d) s left\)", said.stderr), said
    assert said.status == 3
    assert run_service(lab, "network", "apply", status=3).stderr.count("waits to be confirmed")
    run_service(lab, "network", "confirm")
    assert addresses(lab) == [NEW] and not service_row(lab, "network.spare")["needs_apply"]
    assert lab.run(1, "config", "save", check=False).status == 0
    run_service(lab, "network", "undo", status=3)
    assert addresses(lab) == [NEW]


def test_what_did_not_run_before_is_gone_after_an_undo(lab: Lab) -> None:
    run_service(lab, "network.tap7", "start")
    lab.run(1, "sh", "-c", "sed -i 's/tap7/tap8/' /etc/config.rc")
    run_service(lab, "network", "apply", "--confirm=60")
    run_service(lab, "network.tap8", "start")
    assert lab.run(1, "ip", "link", "show", "tap7", check=False).status != 0
    run_service(lab, "network", "undo")
    assert addresses(lab) == [OLD]
    assert lab.run(1, "ip", "link", "show", "tap7", check=False).status == 0
    assert lab.run(1, "ip", "link", "show", "tap8", check=False).status != 0


def test_what_is_invalid_changes_nothing_and_no_other_service_can_be_confirmed(lab: Lab) -> None:
    lab.run(1, "sed", "-i", f"s|{NEW}|192.0.2.300/24|", RC)
    run_service(lab, "network", "apply", "--confirm", "60", status=4)
    assert addresses(lab) == [OLD]
    run_service(lab, "network", "undo", status=3)
    run_service(lab, "haproxy", "apply", "--confirm", "60", status=2)


def test_what_is_left_stopped_is_said_and_so_is_a_word_that_is_no_number(lab: Lab) -> None:
    said = run_service(lab, "network", "apply").stderr
    assert (
        "note: service network.tap7: it does not run, and apply does not start it: service network.tap7 start" in said
    )
    assert (
        "'abc' is not a number of seconds" in run_service(lab, "network", "apply", "--confirm", "abc", status=2).stderr
    )
