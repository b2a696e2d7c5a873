"""Red, orange and green from what two nodes say of themselves."""

import json
from dataclasses import replace
from typing import Any

import pytest

from firmware.sync import node_state
from firmware.sync.message import Message
from firmware.sync.node_state import NodeState, ServiceDigests, WaitingPush
from firmware.sync.pair_state import PairState, identity_mismatches, pair_state
from firmware.sync.versions import Versions

SAME = {"haproxy": ServiceDigests("a", "a", "a")}
ONE = NodeState(1, "10.32.0.11", 2, "10.32.0.12", Versions("0.1.0", (1, 1)), (), (), (), None, SAME)
TWO = NodeState(2, "10.32.0.12", 1, "10.32.0.11", Versions("0.1.0", (1, 1)), (), (), (), None, SAME)
GREEN = PairState("green", [])


def test_green_only_if_what_runs_there_is_what_is_saved_there() -> None:
    assert pair_state(ONE, TWO, "") == GREEN
    for theirs, word in (
        (replace(TWO, unsaved=("/etc/x",)), "not saved: /etc/x"),
        (replace(TWO, unapplied=("haproxy",)), "not in effect yet: haproxy"),
        (replace(TWO, down=("haproxy",)), "does not run: haproxy"),
        (replace(TWO, waiting=WaitingPush("haproxy", "f" * 32, 1, 23)), "service haproxy waits to be confirmed"),
        (replace(TWO, services={"haproxy": ServiceDigests("a", "a", "b")}), "haproxy is not what is saved"),
    ):
        state = pair_state(ONE, theirs, "")
        assert state.colour == "orange" and word in state.reasons[0] and state.reasons[0].startswith("node 2: ")


def test_an_upgrade_that_was_given_up_is_said_on_both_nodes_and_beside_what_is_worse() -> None:
    said = "the upgrade to 9.9.9 (slot b) was given up: service wui does not run"
    for ours, theirs, node in ((replace(ONE, slot_problem=said), TWO, 1), (ONE, replace(TWO, slot_problem=said), 2)):
        assert pair_state(ours, theirs, "") == PairState("orange", [f"node {node}: {said}"])
    ours = replace(ONE, slot_problem=said)
    assert pair_state(ours, None, "no route") == PairState("red", ["no route", f"node 1: {said}"])
    assert node_state.parse(Message(json.loads(json.dumps(ours.json())))).slot_problem == said
    older = ours.json()
    del older["slot_problem"]
    assert node_state.parse(Message(json.loads(json.dumps(older)))).slot_problem == ""


def test_a_save_that_does_not_come_back_is_said_beside_what_is_worse() -> None:
    said = "generation 3 is damaged; a reboot brings back the factory's configuration"
    ours = replace(ONE, unsound_save=said)
    assert pair_state(ours, TWO, "") == PairState("orange", [f"node 1: {said}"])
    assert pair_state(ours, None, "no route") == PairState("red", ["no route", f"node 1: {said}"])
    state = pair_state(ONE, replace(TWO, unsound_save=said, remote_node=3), "")
    assert state.colour == "red" and state.reasons[-1] == f"node 2: {said}"


def test_nodes_may_differ_and_our_own_unsaved_changes_are_not_the_peers() -> None:
    ours = replace(ONE, unsaved=("/etc/x",), services={"haproxy": ServiceDigests("z", "z", "y")})
    assert pair_state(ours, TWO, "") == GREEN


def test_nobody_to_ask_is_red_with_the_reason() -> None:
    assert pair_state(ONE, None, "no route") == PairState("red", ["no route"])
    assert pair_state(None, TWO, "csyncd is stopped") == PairState("red", ["csyncd is stopped"])


def test_a_config_rc_that_nothing_can_be_pushed_by_is_red_on_both_nodes() -> None:
    broken = "/etc/config.rc:17: the quote is not closed"
    for ours, theirs, node in ((replace(ONE, wrong=broken), TWO, 1), (ONE, replace(TWO, wrong=broken), 2)):
        assert pair_state(ours, theirs, "") == PairState("red", [f"node {node}: {broken}"])
    assert pair_state(replace(ONE, wrong=broken), None, "no route") == PairState(
        "red", ["no route", f"node 1: {broken}"]
    )
    assert node_state.parse(Message(json.loads(json.dumps(replace(ONE, wrong=broken).json())))).wrong == broken


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"node": 3}, "calls itself node 3, REMOTE_NODE here is 2"),
        ({"remote_node": 4}, "REMOTE_NODE is 4, this is node 1"),
        ({"address": "10.0.0.1"}, "keys and numbers do: LOCAL_IP of node 2 is 10.0.0.1, REMOTE_IP here is 10.32.0.12"),
        (
            {"remote_address": "10.0.0.1"},
            "keys and numbers do: REMOTE_IP of node 2 is 10.0.0.1, LOCAL_IP here is 10.32.0.11",
        ),
        ({"versions": Versions("2.0.0", (2, 3))}, "0.1.0 (protocol 1) here, 2.0.0 (protocol 2 to 3) on the peer"),
    ],
)
def test_what_does_not_mirror_or_fit_is_red(changes: dict[str, Any], word: str) -> None:
    state = pair_state(ONE, replace(TWO, **changes), "")
    assert state.colour == "red" and word in state.reasons[0]


def test_versions_one_step_apart_fit() -> None:
    assert (
        pair_state(
            replace(ONE, versions=Versions("1", (1, 2))), replace(TWO, versions=Versions("2", (2, 3))), ""
        ).colour
        == "green"
    )


def test_many_paths_do_not_drown_the_reason() -> None:
    paths = tuple(f"/etc/{number}" for number in range(203))
    (reason,) = pair_state(ONE, replace(TWO, unsaved=paths), "").reasons
    assert "203, such as /etc/0, " in reason and len(reason) < 120


def test_strange_names_are_written_out_in_a_reason_and_long_ones_cut() -> None:
    (reason,) = pair_state(ONE, replace(TWO, unsaved=("/etc/a\x1b[2J\nb", "/etc/" + "x" * 4000)), "").reasons
    assert "/etc/a\\x1b[2J\\nb" in reason and len(reason) < 400


def test_the_interface_after_an_address_is_each_nodes_own() -> None:
    ours = replace(ONE, address="fe80::1%eth0", remote_address="fe80::2%eth0")
    theirs = replace(TWO, address="fe80::2%bond0", remote_address="fe80::1%bond0")
    assert identity_mismatches(ours, theirs) == []
    assert identity_mismatches(ours, replace(theirs, address="fe80::3%bond0")) != []
