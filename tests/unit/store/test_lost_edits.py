"""What a rollback or a restore takes away, and nothing holds that can be put back: it is kept aside."""

import os
from pathlib import Path

import directory_node
import pytest

from firmware.store import lost_edits, restore
from firmware.store.paths import Paths


@pytest.fixture
def edited(node: Paths) -> Paths:
    """A node with two generations, of which the older one lies below /etc, and edits of its own."""
    directory_node.save_config(node, "1")
    directory_node.write(node.etc / "haproxy/map", "saved\n")
    directory_node.save_config(node, "2")
    restore.roll_back(1, who="tester", paths=node)
    directory_node.write(node.etc / "haproxy/mine.map", "mine\n", 0o644)
    directory_node.write(node.etc / "hosts", "127.0.0.1 localhost\n::1 localhost\n")
    (node.etc / "link").symlink_to("elsewhere")
    return node


def test_what_some_generation_or_the_factory_has_is_not_lost(edited: Paths) -> None:
    """The config.rc of the older generation is not what is saved; nor is a file that is gone."""
    assert set(lost_edits.find(edited)) == {"/etc/haproxy/mine.map", "/etc/hosts", "/etc/link"}
    for path in ("haproxy/mine.map", "link"):
        (edited.etc / path).unlink()
    (edited.etc / "hosts").write_bytes((edited.factory / "hosts").read_bytes())
    assert lost_edits.find(edited) == {} and lost_edits.keep({}, edited) == ()


def test_it_is_kept_for_root_alone_and_said_where(edited: Paths) -> None:
    (said,) = lost_edits.keep(lost_edits.find(edited), edited)
    place = Path(said.rpartition(" it is in ")[2])
    assert said.startswith(
        "what no generation has is below /etc no more: /etc/haproxy/mine.map, /etc/hosts, /etc/link; until the next reboot"
    )
    assert place.is_relative_to(edited.run / "edited/etc")
    assert (place / "haproxy/mine.map").read_text() == "mine\n" and "::1" in (place / "hosts").read_text()
    assert os.readlink(place / "link") == "elsewhere"
    assert place.stat().st_mode & 0o077 == 0 and (place / "hosts").stat().st_mode & 0o077 == 0


def test_it_takes_no_more_and_more_room(edited: Paths) -> None:
    found = lost_edits.find(edited)
    for number in range(7):
        (edited.etc / "hosts").write_text(str(number))
        lost_edits.keep(found, edited)
    kept = sorted((edited.run / "edited/etc").iterdir())
    assert [(place / "hosts").read_text() for place in kept] == ["3", "4", "5", "6"]


def test_what_would_fill_the_memory_is_not_kept_and_nothing_of_it_stays(
    edited: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lost_edits.find(edited)
    monkeypatch.setattr(lost_edits, "available_memory", lambda: 40)
    (said,) = lost_edits.keep(found, edited)
    assert "it could not be kept: 0.0 MiB, and 0.0 may lie there" in said
    assert os.listdir(edited.run / "edited/etc") == []


def test_that_it_cannot_be_kept_stands_in_nobodys_way(edited: Paths) -> None:
    found = lost_edits.find(edited)
    (edited.run / "edited").write_text("in the way")
    (said,) = lost_edits.keep(found, edited)
    assert "it could not be kept: " in said
