"""A save that comes after an import which was never below /etc says so."""

import directory_node
import pytest

from firmware.store import export, generations, imported, restore
from firmware.store.paths import Paths


@pytest.fixture
def node_with_import(node: Paths) -> Paths:
    """A node on which generation 3 is an import of generation 1, and generation 2 lies below /etc."""
    directory_node.save_config(node, "1")
    data, _ = export.without_secrets(generations.load(1, paths=node))
    directory_node.save_config(node, "2")
    generations.import_archive(data, who="tester", paths=node)
    return node


def test_a_save_that_undoes_an_import_names_it_once(node_with_import: Paths) -> None:
    (said,) = directory_node.save(node_with_import).notes
    assert said.startswith("generation 3 was imported and has never been below /etc") and "config rollback 3" in said
    directory_node.write(node_with_import.etc / "hosts", "::1 localhost\n")
    assert directory_node.save(node_with_import).notes == ()


def test_an_import_that_was_below_etc_is_undone_without_a_word(node_with_import: Paths) -> None:
    imported.note_below_etc(2, node_with_import)
    restore.restore(live=True, paths=node_with_import)
    imported.note_below_etc(3, node_with_import)
    directory_node.write(node_with_import.etc / "hosts", "::1 localhost\n")
    assert directory_node.save(node_with_import).notes == ()


def test_an_import_of_what_is_saved_already_is_undone_by_nothing(node: Paths) -> None:
    directory_node.save_config(node, "1")
    data, _ = export.without_secrets(generations.load(1, paths=node))
    generations.import_archive(data, who="tester", paths=node)
    directory_node.write(node.etc / "hosts", "::1 localhost\n")
    assert directory_node.save(node).notes == ()


@pytest.mark.parametrize("mark", [b"", b"x", b"\xff", b"9" * 5000])
def test_a_mark_that_is_none_says_nothing(node_with_import: Paths, mark: bytes) -> None:
    node_with_import.saved_state.with_name("imported").write_bytes(mark)
    assert directory_node.save(node_with_import).notes == ()


def test_where_nothing_can_be_noted_an_import_is_one_all_the_same(node: Paths) -> None:
    imported.note(3, Paths(run=node.etc / "hosts"))
