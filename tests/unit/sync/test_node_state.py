"""Red, orange and green from two standings, and what a peer may say of itself."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure
from firmware.sync import node_state
from firmware.sync.node_state import NodeState, ServiceDigests, WaitingPush
from firmware.sync.versions import Versions

SAME = {"haproxy": ServiceDigests("a", "a", "a")}
ONE = NodeState(1, "10.32.0.11", 2, "10.32.0.12", Versions("0.1.0", (1, 1)), (), (), (), None, SAME)
TWO = NodeState(2, "10.32.0.12", 1, "10.32.0.11", Versions("0.1.0", (1, 1)), (), (), (), None, SAME)


def test_green_only_if_what_runs_there_is_what_is_saved_there() -> None:
    assert node_state.pair_state(ONE, TWO, "") == ("green", [])
    for theirs, word in (
        (replace(TWO, unsaved=("/etc/x",)), "not saved: /etc/x"),
        (replace(TWO, unapplied=("haproxy",)), "not in effect yet: haproxy"),
        (replace(TWO, down=("haproxy",)), "does not run: haproxy"),
        (replace(TWO, waiting=WaitingPush("haproxy", "f" * 32, 1, 23)), "service haproxy waits to be confirmed"),
        (replace(TWO, services={"haproxy": ServiceDigests("a", "a", "b")}), "haproxy is not what is saved"),
    ):
        state, reasons = node_state.pair_state(ONE, theirs, "")
        assert state == "orange" and word in reasons[0] and reasons[0].startswith("node 2: ")


def test_nodes_may_differ_and_our_own_unsaved_changes_are_not_the_peers() -> None:
    ours = replace(ONE, unsaved=("/etc/x",), services={"haproxy": ServiceDigests("z", "z", "y")})
    assert node_state.pair_state(ours, TWO, "") == ("green", [])


def test_nobody_to_ask_is_red_with_the_reason() -> None:
    assert node_state.pair_state(ONE, None, "no route") == ("red", ["no route"])
    assert node_state.pair_state(None, TWO, "csyncd is stopped") == ("red", ["csyncd is stopped"])


def test_a_config_rc_that_nothing_can_be_pushed_by_is_red_on_both_nodes() -> None:
    broken = "/etc/config.rc:17: the quote is not closed"
    for ours, theirs, node in ((replace(ONE, wrong=broken), TWO, 1), (ONE, replace(TWO, wrong=broken), 2)):
        assert node_state.pair_state(ours, theirs, "") == ("red", [f"node {node}: {broken}"])
    assert node_state.pair_state(replace(ONE, wrong=broken), None, "no route") == (
        "red",
        ["no route", f"node 1: {broken}"],
    )
    assert node_state.parse(json.loads(json.dumps(replace(ONE, wrong=broken).json()))).wrong == broken


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"node": 3}, "calls itself node 3, REMOTE_NODE here is 2"),
        ({"remote_node": 4}, "REMOTE_NODE is 4, this is node 1"),
        ({"address": "10.0.0.1"}, "LOCAL_IP is 10.0.0.1, REMOTE_IP here is 10.32.0.12"),
        ({"remote_address": "10.0.0.1"}, "REMOTE_IP is 10.0.0.1, LOCAL_IP here is 10.32.0.11"),
        ({"versions": Versions("2.0.0", (2, 3))}, "0.1.0 (protocol 1) here, 2.0.0 (protocol 2 to 3) on the peer"),
    ],
)
def test_what_does_not_mirror_or_fit_is_red(changes: dict[str, Any], word: str) -> None:
    state, reasons = node_state.pair_state(ONE, replace(TWO, **changes), "")
    assert state == "red" and word in reasons[0]


def test_versions_one_step_apart_fit() -> None:
    assert (
        node_state.pair_state(
            replace(ONE, versions=Versions("1", (1, 2))), replace(TWO, versions=Versions("2", (2, 3))), ""
        )[0]
        == "green"
    )


def test_a_standing_survives_the_wire() -> None:
    assert node_state.parse(json.loads(json.dumps(TWO.json()))) == TWO


@given(
    st.sampled_from(sorted(TWO.json())),
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none()),
)
def test_a_malformed_standing_is_a_failure_or_a_sound_one(key: str, value: Any) -> None:
    told = {**json.loads(json.dumps(TWO.json())), key: value}
    try:
        found = node_state.parse(told)
    except Failure:
        return
    assert isinstance(found.node, int) and all(isinstance(path, str) for path in found.unsaved)
    node_state.pair_state(ONE, found, "")


def test_many_paths_do_not_drown_the_reason() -> None:
    paths = tuple(f"/etc/{number}" for number in range(203))
    (reason,) = node_state.pair_state(ONE, replace(TWO, unsaved=paths), "")[1]
    assert "203, such as /etc/0, " in reason and len(reason) < 120


def test_a_hundred_thousand_paths_travel_as_ten_thousand() -> None:
    many = replace(TWO, unsaved=tuple(f"/etc/{number}" for number in range(100_000)))
    assert many.json()["unsaved"] == many.unsaved[:10_000]
    told = {**json.loads(json.dumps(TWO.json())), "unsaved": list(many.unsaved), "down": ["haproxy"] * 100_000}
    found = node_state.parse(told)
    assert len(found.unsaved) == len(found.down) == 10_000


@pytest.mark.parametrize(
    "changes",
    [
        {"node": -1}, {"node": 10**30}, {"node": True}, {"protocols": [1, 10**30]}, {"version": "1" * 65}, {"version": "\x1b[2J"},
        {"address": "10.0.0.1\n"}, {"services": {"../x": {"files": "", "applied": "", "saved": ""}}}, {"down": ["\x1b"]}, {"down": "haproxy"},
        {"services": {"haproxy": {"files": "x" * 65, "applied": "", "saved": ""}}}, {"unsaved": ["x" * 4097]}, {"unsaved": ["\ud800"]},
        {"waiting": {"service": "x\n", "push": "", "node": 1, "left": 1}}, {"waiting": {"service": "x", "push": "", "node": 1, "left": 10**30}},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_node_cannot_say_of_itself_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="malformed"):
        node_state.parse({**json.loads(json.dumps(TWO.json())), **changes})


def test_strange_names_are_quoted_in_a_reason_and_long_ones_cut() -> None:
    (reason,) = node_state.pair_state(ONE, replace(TWO, unsaved=("/etc/a\x1b[2J\nb", "/etc/" + "x" * 4000)), "")[1]
    assert '"/etc/a\\033[2J\\012b"' in reason and len(reason) < 400
