"""Saving: what becomes a generation and what does not, import, history, the journal of what was done."""

import os
import random
import tracemalloc
from pathlib import Path

import directory_node
import pytest

from firmware.errors import Invalid, Refused
from firmware.store import changes, generations, repository, restore, rules, saved_state
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers")


def test_a_second_save_removes_what_the_first_one_had(node: Paths) -> None:
    directory_node.write(node.etc / "haproxy/a.map", "x")
    directory_node.save(node)
    (node.etc / "haproxy/a.map").unlink()
    assert directory_node.save(node).changes == changes.Changes(removed=("/etc/haproxy/a.map",))
    directory_node.reboot(node)
    assert not (node.etc / "haproxy/a.map").exists()


def test_nothing_to_save_makes_no_generation(node: Paths) -> None:
    first = directory_node.save(node, "factory")
    assert (first.fresh, first.generation.number, first.changes.paths) == (True, 1, ())
    again = directory_node.save(node, "again")
    assert (again.fresh, again.generation) == (False, first.generation)
    assert repository.numbers(node.repository) == [1]
    assert again.json()["generation"] == 1
    os.utime(node.etc / "hosts", (1, 1))
    assert not directory_node.save(node).fresh


def test_what_is_saved_lies_in_memory_twice_and_no_more(node: Paths) -> None:
    """A save is what takes csyncd furthest, and a peer can have one made."""
    size = 8 << 20
    directory_node.write(node.etc / "haproxy/large", random.Random(1).randbytes(size))
    tracemalloc.start()
    try:
        directory_node.save(node)
        assert size < tracemalloc.get_traced_memory()[1] < 2.5 * size
    finally:
        tracemalloc.stop()


def test_the_factory_state_can_be_saved_over_another(node: Paths) -> None:
    directory_node.save_config(node, "one")
    directory_node.write(node.etc / "config.rc", directory_node.CONFIG)
    assert directory_node.save(node).changes.changed == ("/etc/config.rc",)
    assert directory_node.reboot(node).lines[0].startswith("restored generation 2 ")
    assert directory_node.read_config(node) == directory_node.CONFIG


def test_a_save_that_replaces_a_damaged_one_is_always_made(node: Paths) -> None:
    directory_node.save_config(node, "one")
    directory_node.damage_generation(node, 1)
    directory_node.reboot(node)
    assert directory_node.read_config(node) == directory_node.CONFIG
    assert directory_node.save(node).generation.number == 2
    directory_node.save_config(node, "three")
    directory_node.damage_generation(node, 3)
    directory_node.reboot(node)
    assert changes.unsaved_changes(paths=node).paths == ()
    again = directory_node.save(node)
    assert (again.fresh, again.generation.number, again.changes.paths) == (True, 4, ())
    assert directory_node.reboot(node).lines[1:] == ()


@pytest.mark.parametrize("data", [None, b"", b" \n\t\n"])
def test_without_a_config_rc_nothing_is_saved(node: Paths, data: bytes | None) -> None:
    directory_node.save_config(node, "good")
    node.in_etc("/etc/config.rc").unlink()
    if data is not None:
        directory_node.write(node.in_etc("/etc/config.rc"), data)
    with pytest.raises(Refused, match=r"config\.rc"):
        directory_node.save(node)
    assert repository.numbers(node.repository) == [1]
    assert directory_node.reboot(node).lines[0].startswith("restored generation 1 ")


@pytest.mark.parametrize("data", [b"service a 'b\n", b"service \xff\n", b"service a\0\n"])
def test_a_config_rc_that_cannot_be_read_is_not_saved(node: Paths, data: bytes) -> None:
    directory_node.write(node.in_etc("/etc/config.rc"), data)
    with pytest.raises(Invalid) as error:
        directory_node.save(node)
    assert error.value.problems[0].startswith("/etc/config.rc:1:")
    assert repository.numbers(node.repository) == []


def test_a_config_rc_that_is_a_directory_is_not_saved(node: Paths) -> None:
    node.in_etc("/etc/config.rc").unlink()
    node.in_etc("/etc/config.rc").mkdir()
    with pytest.raises(Refused):
        directory_node.save(node)


def test_broken_rules_are_said_before_anything_is_saved(node: Paths) -> None:
    directory_node.write(node.in_etc(rules.FILE), "nonsense\n")
    with pytest.raises(Invalid):
        directory_node.save(node)
    assert not node.repository.exists()


def test_import_becomes_a_generation_and_leaves_etc_alone(node: Paths, tmp_path: Path) -> None:
    directory_node.save_config(node, "1")
    directory_node.write(node.etc / "theirs", "x")
    directory_node.save_config(node, "2")
    exported = generations.load(2, paths=node).data
    other = directory_node.make(tmp_path / "other")
    done = generations.import_archive(exported, who="tester", paths=other)
    assert (done.generation.number, done.changes.added) == (1, ("/etc/theirs",))
    assert done.generation.message.startswith("imported: generation 2 of 20")
    assert directory_node.read_config(other) == directory_node.CONFIG
    assert changes.unsaved_changes(paths=other).removed == ("/etc/theirs",)
    directory_node.reboot(other)
    assert directory_node.entries(other) == directory_node.entries(node)


def test_import_refuses_what_is_not_whole_or_has_special_modes(node: Paths) -> None:
    directory_node.save_config(node, "1")
    data = generations.load(1, paths=node).data
    for wrong in (b"", data[:-1], data[:600] + b"!" + data[601:], os.urandom(4096)):
        with pytest.raises(Refused):
            generations.import_archive(wrong, who="tester", paths=node)
    directory_node.write(node.etc / "shell", "x", 0o4755)
    directory_node.save(node)
    with pytest.raises(Refused, match="set-uid"):
        generations.import_archive(generations.load(2, paths=node).data, who="tester", paths=node)
    assert repository.numbers(node.repository) == [2, 1]


def test_import_refuses_what_leaves_no_config_rc(node: Paths) -> None:
    from firmware.store import archive

    label = archive.Label(1, "2026-01-01T00:00:00Z", "", "1", "x")
    data = archive.build(label, archive.Draft({}, {}, ("/etc/config.rc",)))
    with pytest.raises(Refused, match=r"config\.rc"):
        generations.import_archive(data, who="tester", paths=node)


def test_history(node: Paths) -> None:
    for number in (1, 2, 3):
        directory_node.save_config(node, str(number))
    directory_node.damage_generation(node, 3)
    found = [one.json() for one in generations.history(paths=node)]
    assert [(one["generation"], one["message"], one["current"], one["verified"]) for one in found] == [
        (3, "", False, False), (2, "2", True, True), (1, "1", False, True),
    ]  # fmt: skip
    assert found[1]["digest"] == generations.load(2, paths=node).digest
    assert {"generation", "time", "message", "version", "digest", "current", "verified"} <= found[0].keys()


def test_the_journal_tells_who_did_what(node: Paths) -> None:
    directory_node.save_config(node, 'it\'s "odd"\n')
    restore.roll_back(1, who="somebody", paths=node)
    restore.reset_to_factory(who="else", paths=node)
    generations.import_archive(generations.load(1, paths=node).data, who="importer", paths=node)
    import json

    told = [json.loads(line) for line in (node.repository / "journal").read_text().splitlines()]
    assert [(line["what"], line["generation"], line["who"]) for line in told] == [
        ("save", 1, "tester"), ("rollback", 1, "somebody"), ("reset", 2, "else"), ("import", 3, "importer"),
    ]  # fmt: skip
    assert told[0]["message"] == 'it\'s "odd"\n'


def test_a_save_that_dies_after_the_rename_leaves_no_old_state(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    directory_node.save_config(node, "1")
    directory_node.write(node.etc / "config.rc", "service two\n")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saved_state, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        directory_node.save(node)
    monkeypatch.undo()
    assert repository.numbers(node.repository) == [2, 1]
    assert changes.unsaved_changes(paths=node).paths == ()
