"""A peer with other keys is another node: no sync lies behind it, whatever was synced with the one that had the number before."""

import story
from lab_driver import Lab
from story import CONFIG, Stage, page


def test_a_node_that_was_reset_overwrites_nothing_without_force(fresh_lab: Lab) -> None:
    stage = Stage(fresh_lab, tell=lambda text: None)
    story.pair(stage)
    stage.edit(1, page("the good one"))
    stage.on(1, "csync", "push", "haproxy")
    stage.on(2, "config", "reset", "--yes")
    fresh_lab.reboot(2)
    story.enable(stage, 2)
    story.take_keys(stage, 1, story.make_keys(stage, 2))
    story.take_keys(stage, 2, stage.json(1, "csync", "keys")["code"])
    assert stage.json(1, "csync", "status")["services"]["haproxy"]["last_push"] is None
    stage.edit(2, page("of the reset one"))
    said = stage.on(2, "csync", "push", "haproxy", expect=3)
    assert "was never synced with node-2 under its present keys" in said and "the good one" in said
    assert "the good one" in fresh_lab.read(1, CONFIG)
    stage.on(2, "csync", "push", "haproxy", "--force")
    assert "of the reset one" in fresh_lab.read(1, CONFIG)
    stage.edit(1, page("from then on"))
    stage.on(1, "csync", "push", "haproxy")
    assert "from then on" in fresh_lab.read(2, CONFIG)


def test_what_is_equal_under_new_keys_is_adopted(fresh_lab: Lab) -> None:
    """The control: keys that are changed for good reason cost no --force where nothing was changed."""
    stage = Stage(fresh_lab, tell=lambda text: None)
    story.pair(stage)
    stage.edit(1, page("same"))
    stage.on(1, "csync", "push", "haproxy")
    story.exchange_keys(stage)
    assert stage.json(1, "csync", "push", "haproxy")["result"] == "unchanged"
    stage.edit(2, page("pushed back"))
    stage.on(2, "csync", "push", "haproxy")
    stage.serves(1, "pushed back")
