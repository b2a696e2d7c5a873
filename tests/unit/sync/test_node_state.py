"""What a peer may say of itself."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Failure
from firmware.sync import node_state
from firmware.sync.message import Message
from firmware.sync.node_state import NodeState, ServiceDigests
from firmware.sync.pair_state import pair_state
from firmware.sync.space import Room
from firmware.sync.versions import Versions

SAME = {"haproxy": ServiceDigests("a", "a", "a")}
ONE = NodeState(1, "10.32.0.11", 2, "10.32.0.12", Versions("0.1.0", (1, 1)), (), (), (), None, SAME)
TWO = NodeState(2, "10.32.0.12", 1, "10.32.0.11", Versions("0.1.0", (1, 1)), (), (), (), None, SAME)


def test_a_node_state_survives_the_wire() -> None:
    assert node_state.parse(Message(json.loads(json.dumps(TWO.json())))) == TWO


@given(
    st.sampled_from(sorted(TWO.json())),
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none()),
)
def test_a_malformed_node_state_is_a_failure_or_a_sound_one(key: str, value: Any) -> None:
    told = {**json.loads(json.dumps(TWO.json())), key: value}
    try:
        found = node_state.parse(Message(told))
    except Failure:
        return
    assert isinstance(found.node, int) and all(isinstance(path, str) for path in found.unsaved)
    pair_state(ONE, found, "")


def test_a_hundred_thousand_unsaved_paths_travel_as_the_first_few_and_their_number() -> None:
    paths = tuple(f"/etc/{number}" for number in range(100_000))
    many = replace(TWO, unsaved=paths, unsaved_count=len(paths))
    found = node_state.parse(Message(json.loads(json.dumps(many.json()))))
    assert (found.unsaved, found.unsaved_count) == (paths[: node_state.MAX_TOLD], len(paths))
    assert f"node {TWO.node}: not saved: 100000, such as {', '.join(paths[:6])}" in pair_state(ONE, found, "").reasons
    longest = replace(TWO, unsaved=("/etc/" + "x" * 1990, "/etc/y", "/etc/z"), unsaved_count=3)
    assert longest.json()["unsaved"] == longest.unsaved[:1]


def test_of_one_unsaved_path_however_long_its_peer_hears() -> None:
    one = replace(TWO, unsaved=("/etc/" + "x" * 3000,), unsaved_count=1)
    found = node_state.parse(Message(json.loads(json.dumps(one.json()))))
    assert found.unsaved == one.unsaved and pair_state(ONE, found, "").colour == "orange"


def test_of_a_hundred_thousand_paths_that_older_firmware_tells_ten_thousand_are_taken() -> None:
    many = replace(TWO, unsaved=tuple(f"/etc/{number}" for number in range(100_000)))
    told = {**json.loads(json.dumps(TWO.json())), "unsaved": list(many.unsaved), "down": ["haproxy"] * 100_000}
    del told["unsaved_count"]
    found = node_state.parse(Message(told))
    assert len(found.unsaved) == len(found.down) == found.unsaved_count == 10_000


def test_room_is_told_and_is_no_difference_between_two_states() -> None:
    room = Room(40 << 20, 50 << 20, 96 << 20, 9000)
    told = json.loads(json.dumps(replace(TWO, room=room).json()))
    found = node_state.parse(Message(told))
    assert found.room == room and replace(found, unsaved_count=0) == replace(TWO, unsaved_count=0)
    del told["room"]
    assert node_state.parse(Message(told)).room is None


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
        node_state.parse(Message({**json.loads(json.dumps(TWO.json())), **changes}, "it is malformed"))
