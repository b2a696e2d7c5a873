"""A saved configuration of another format: migrated on a copy, both ways; left alone where it is newer; passed over where it fails."""

from dataclasses import replace

import directory_node
import pytest

from firmware import native
from firmware.errors import NewerFormat, NotMigrated
from firmware.store import archive, generations, migrations, repository, restore, saved_state
from firmware.store.archive import Draft
from firmware.store.migrations import Migration
from firmware.store.paths import Paths


def renaming(old: bytes, new: bytes, path: str = "/etc/config.rc") -> Migration:
    """A directive gets another name."""
    return Migration(
        f"{old.decode()} is {new.decode()}",
        lambda draft: changed(draft, path, old, new),
        lambda draft: changed(draft, path, new, old),
    )


def changed(draft: Draft, path: str, old: bytes, new: bytes) -> Draft:
    content = draft.content(path).replace(old, new)
    entry = replace(draft.items[path].entry, size=len(content), digest=native.bytes_digest(content))
    items = {**draft.items, path: replace(draft.items[path], entry=entry)}
    return replace(draft, items=items, contents={**draft.contents, path: content})


def break_off(draft: Draft) -> Draft:
    raise KeyError("no such directive")


STEPS = (renaming(b"one", b"two"), renaming(b"two", b"three"))
FAILING = (Migration("it breaks off", break_off, break_off),)


def know(monkeypatch: pytest.MonkeyPatch, steps: tuple[Migration, ...]) -> None:
    """As a firmware that has these migrations."""
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(archive, "SCHEMA", 1 + len(steps))


def test_there_is_a_migration_for_each_format() -> None:
    assert 1 + len(migrations.MIGRATIONS) == archive.SCHEMA


def test_a_migration_changes_a_copy_and_back_again(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    directory_node.save_config(node, "one")
    saved = generations.load(1, paths=node)
    know(monkeypatch, STEPS)
    new = migrations.current(saved)
    assert new.content("/etc/config.rc") == b"service haproxy\n# three\n"
    assert saved.content("/etc/config.rc") == b"service haproxy\n# one\n"
    back = migrations.migrate(migrations.migrate(migrations.open_draft(saved), 1, 3), 3, 1)
    assert back == migrations.open_draft(saved)
    half = migrations.migrate(migrations.open_draft(saved), 1, 2)
    assert half.content("/etc/config.rc") == b"service haproxy\n# two\n"


def test_a_new_firmware_starts_with_what_an_old_one_saved_and_saves_it_anew(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_node.save_config(node, "one")
    before = repository.path_of(node.repository, 1).read_bytes()
    know(monkeypatch, STEPS)
    done = directory_node.reboot(node)
    assert (done.problems, directory_node.read_config(node)) == ((), "service haproxy\n# three\n")
    assert migrations.failure(node) == ""
    assert repository.path_of(node.repository, 1).read_bytes() == before
    assert directory_node.save_config(node, "three and more") == 2
    assert generations.load(2, paths=node).label.schema == 3
    # The old firmware, after a fallback: it starts from the newest that it can read, and says which and why.
    know(monkeypatch, ())
    done = directory_node.reboot(node)
    assert done.lines[0].startswith("restored generation 1 ")
    assert done.lines[1] == "generation 2: written by a newer firmware (format 3; this one reads up to 1)"
    assert "written by a newer firmware" in saved_state.load(node).problem
    assert directory_node.read_config(node) == "service haproxy\n# one\n"
    with pytest.raises(NewerFormat):
        generations.load(2, paths=node)


def test_a_failed_migration_falls_back_says_so_and_leaves_word(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    directory_node.save_config(node, "one")
    know(monkeypatch, FAILING)
    done = directory_node.reboot(node)
    assert done.generation is None
    assert "could not be brought to format 2 of the configuration (it breaks off)" in done.lines[1]
    assert "it breaks off" in migrations.failure(node)
    assert "it breaks off" in saved_state.load(node).problem
    with pytest.raises(NotMigrated):
        restore.roll_back(1, who="tester", paths=node)
    # The firmware that saved it reads it.
    know(monkeypatch, ())
    assert directory_node.reboot(node).lines[1:] == ()
    assert migrations.failure(node) == ""


def test_before_an_older_firmware_starts_again_it_gets_what_it_can_read(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, STEPS)
    directory_node.save_config(node, "three")
    done = generations.save_for_schema(1, who="tester", paths=node)
    assert (done.fresh, done.generation.number) == (True, 2)
    assert directory_node.reboot(node).problems == ()
    assert directory_node.read_config(node) == "service haproxy\n# three\n"
    know(monkeypatch, ())
    assert directory_node.reboot(node).lines[0].startswith("restored generation 2 ")
    assert directory_node.read_config(node) == "service haproxy\n# one\n"


def test_nothing_is_saved_anew_for_a_firmware_that_reads_it(node: Paths) -> None:
    directory_node.save_config(node, "one")
    assert not generations.save_for_schema(1, who="tester", paths=node).fresh
