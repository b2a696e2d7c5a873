"""Saves that a peer asks for: as many as it likes, and none of the operator's own generations goes for them."""

import pytest
import story
from lab_driver import Lab
from story import Stage


@pytest.mark.all
def test_many_saves_by_a_peer_push_out_none_of_the_operators(module_lab: Lab) -> None:
    stage = Stage(module_lab, tell=lambda text: None)
    story.pair(stage)
    for number in range(7):
        stage.on(2, "sh", "-c", f"echo {number} >/etc/haproxy/own.map; config save -m own{number}")
    own = [row for row in stage.json(2, "config", "history") if row["message"].startswith("own")]
    assert len(own) == 7
    for number in range(12):
        stage.on(2, "sh", "-c", f"echo {number} >/etc/haproxy/theirs.map")
        assert stage.json(1, "csync", "save")["fresh"]
    history = stage.json(2, "config", "history")
    assert [row["generation"] for row in history if row["message"].startswith("own")] == [
        row["generation"] for row in own
    ]
    assert [row["who"] for row in history[:3]] == ["node-1"] * 3
