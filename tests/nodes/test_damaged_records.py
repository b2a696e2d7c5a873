"""Records of a node that are damaged, or that a newer firmware wrote: no trace, no loss, and it is said where one looks."""

import json
from collections.abc import Iterator

import pytest
from story import CONFIG, Stage, page

ANCESTORS, JOURNAL, TRAIL = "/etc/firmware/ancestors.json", "/etc/.staging/haproxy/journal", "/var/log/csyncd/audit.log"
NEWER = json.dumps({"format": 99, "later": "more"})


@pytest.fixture
def agreed(stage: Stage) -> Iterator[Stage]:
    """Both nodes serve "agreed", pushed from node 1; afterwards each has sound records again."""
    stage.edit(1, page("agreed"))
    stage.on(1, "csync", "push", "haproxy", "--force")
    yield stage
    for node in (1, 2):
        stage.on(node, "rm", "-rf", ANCESTORS, "/etc/.staging/haproxy")


@pytest.mark.parametrize("damage", ['{"1":[]}', '{"1":', NEWER], ids=["types", "torn", "newer"])
def test_ancestors_that_cannot_be_read_overwrite_nothing_and_are_said(agreed: Stage, damage: str) -> None:
    agreed.lab.write(2, ANCESTORS, damage)
    word = "written by a newer firmware (format 99" if damage == NEWER else "damaged"
    report = agreed.json(2, "csync", "status")
    assert (
        any(f"node 2: {ANCESTORS}: " in reason and word in reason for reason in report["reasons"]) and report["remedy"]
    )
    assert f"{ANCESTORS}: " in agreed.on(2, "csync", "check", expect=1)
    agreed.edit(2, page("edited there"))
    agreed.edit(1, page("over it"))
    said = agreed.on(1, "csync", "push", "haproxy", expect=3)
    assert word in said and "not known" in said
    assert "edited there" in agreed.lab.read(2, CONFIG)
    agreed.on(1, "csync", "push", "haproxy", "--force")
    assert (agreed.lab.read(2, ANCESTORS) == damage) == (damage == NEWER)


@pytest.mark.parametrize("damage", ["{", NEWER], ids=["torn", "newer"])
def test_an_open_push_that_cannot_be_read_is_left_alone_and_said(agreed: Stage, damage: str) -> None:
    agreed.on(2, "mkdir", "-p", "/etc/.staging/haproxy")
    agreed.lab.write(2, JOURNAL, damage)
    agreed.on(2, "service", "csyncd", "restart")
    word = "written by a newer firmware" if damage == NEWER else "damaged"
    for node in (1, 2):
        report = agreed.shows(node, "red", f"node 2: {JOURNAL}: {word}")
        assert report["remedy"] == "csync check on node 2"
    assert f"rm -r {JOURNAL.rpartition('/')[0]}" in agreed.on(2, "csync", "check", expect=1) or damage == NEWER
    assert JOURNAL in agreed.on(1, "csync", "confirm", expect=3), "whether something waits is not known"
    agreed.edit(1, page("not pushed"))
    said = agreed.on(1, "csync", "push", "haproxy", expect=1)
    assert JOURNAL in said and word in said
    assert JOURNAL in agreed.on(2, "config", "save", expect=3)
    assert agreed.lab.read(2, JOURNAL) == damage
    assert "agreed" in agreed.lab.read(2, CONFIG)
    agreed.on(2, "rm", "-r", "/etc/.staging/haproxy")
    agreed.on(1, "csync", "push", "haproxy")
    agreed.serves(2, "not pushed")


def test_a_trail_with_a_torn_line_is_shown_without_it(agreed: Stage) -> None:
    agreed.on(1, "sh", "-c", f"printf '%s' '{{\"time\": 1, \"eve' >>{TRAIL}")
    agreed.edit(1, page("after it"))
    agreed.on(1, "csync", "push", "haproxy")
    done = agreed.lab.run(1, "csync", "log", "--json")
    assert json.loads(done.stdout)[-1]["result"] == "applied"
    assert f"csync log: {TRAIL}: damaged lines left out: 1" in done.stderr


def test_a_damaged_newest_generation_is_said_where_one_looks(agreed: Stage) -> None:
    agreed.on(1, "csync", "save")
    agreed.on(
        2,
        "sh",
        "-ec",
        "newest=$(ls /flash/config/*.tar | tail -n 1); printf x | dd of=$newest bs=1 seek=600 conv=notrunc",
    )
    agreed.on(2, "service", "csyncd", "restart")
    for node in (1, 2):
        report = agreed.shows(node, "orange", "a reboot brings back")
        assert any("node 2: generation" in reason and "a reboot brings back" in reason for reason in report["reasons"])
    assert "FAILED  a reboot brings back what was saved last: generation" in agreed.on(2, "csync", "check", expect=1)
    agreed.edit(2, page("saved again"))
    agreed.on(2, "config", "save")
    assert "a reboot brings back" not in agreed.on(2, "csync", "check") + agreed.on(2, "csync", "status")
