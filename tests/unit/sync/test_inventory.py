"""The inventory: by hints it knows what everything read again would say, and without one it does not guess."""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import directory_node
import pytest

from firmware import manifest, native
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.native import Progress
from firmware.patterns import PathPatterns
from firmware.rc import document
from firmware.rc.block import Block
from firmware.services import catalog, content
from firmware.services.definition import Service
from firmware.store import changes, generations, rules, saved_state
from firmware.store.paths import Paths
from firmware.sync.inventory import MOST_SINGLE, Inventory
from firmware.watch import Hints, Watch


class Told:
    """Hints as a test gives them: all that it gave since they were taken last."""

    def __init__(self) -> None:
        self._open = Hints(doubt="nothing has been read yet")

    def give(self, *paths: str, trees: tuple[str, ...] = (), doubt: str = "") -> None:
        """Say that this was touched."""
        self._open |= Hints(frozenset(paths), frozenset(trees), doubt)

    def take(self) -> Hints:
        """As a watch does."""
        found, self._open = self._open, Hints()
        return found


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    return directory_node.make(tmp_path)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def inventory(node: Paths, told: Told) -> Inventory:
    return Inventory(told.take, node)


def unsaved(inventory: Inventory) -> tuple[str, ...]:
    with inventory.current() as now:
        return now.unsaved_paths


def haproxy(node: Paths) -> tuple[Service, Block]:
    service, block = catalog.find("haproxy"), document.parse_tolerant("service haproxy\n")[0].first_blocks[0]
    assert service
    return service, block


def digest(inventory: Inventory, node: Paths) -> str:
    with inventory.current() as now:
        return now.service_digest(*haproxy(node))


def digest_on_disk(node: Paths) -> str:
    service, block = haproxy(node)
    return content.read(service, block, root=node.etc.parent).digest


def test_what_was_touched_is_read_again_and_nothing_else_is(node: Paths, told: Told, inventory: Inventory) -> None:
    before = digest(inventory, node)
    assert before == digest_on_disk(node) and unsaved(inventory) == changes.unsaved_changes(paths=node).paths
    (node.etc / "haproxy/one").write_text("one")
    (node.etc / "haproxy/two").write_text("two")
    assert digest(inventory, node) == before
    told.give("/etc/haproxy/one")
    assert "/etc/haproxy/one" in unsaved(inventory) and "/etc/haproxy/two" not in unsaved(inventory)
    told.give("/etc/haproxy/two")
    assert digest(inventory, node) == digest_on_disk(node) != before


def test_an_edit_of_the_same_size_at_the_same_time_is_noticed(node: Paths, told: Told, inventory: Inventory) -> None:
    file = node.etc / "haproxy/file"
    found = set()
    for text in ("one", "two", "six"):
        file.write_text(text)
        os.utime(file, ns=(1, 1))
        told.give("/etc/haproxy/file")
        found.add(digest(inventory, node))
        assert digest(inventory, node) == digest_on_disk(node)
    assert len(found) == 3


@pytest.mark.parametrize(
    "hint",
    [
        lambda told: told.give(doubt="more happened at once than the kernel could note"),
        lambda told: told.give(trees=("/etc/haproxy",)),
        lambda told: told.give(*(f"/etc/{number}" for number in range(MOST_SINGLE + 1))),
        lambda told: told.give("/etc/passwd"),
    ],
    ids=["doubt", "directory", "many", "accounts"],
)
def test_where_a_hint_cannot_tell_everything_is_read(
    node: Paths, told: Told, inventory: Inventory, hint: Callable[[Told], None]
) -> None:
    (node.etc / "haproxy/deep").mkdir(parents=True)
    (node.etc / "haproxy/deep/gone").touch()
    digest(inventory, node)
    (node.etc / "haproxy/deep/gone").unlink()
    (node.etc / "haproxy/deep/new").write_text("new")
    hint(told)
    assert digest(inventory, node) == digest_on_disk(node)
    assert unsaved(inventory) == changes.unsaved_changes(paths=node).paths


def test_what_could_not_be_read_is_tried_again(
    node: Paths, told: Told, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest(inventory, node)
    (node.etc / "haproxy/file").touch()
    told.give("/etc/haproxy/file")

    def fail(*_: object) -> None:
        raise OSError(5, "broken", "/etc/haproxy/file")

    with monkeypatch.context() as patched:
        patched.setattr(manifest, "entry_below", fail)
        for _ in range(2):
            with pytest.raises(Failure, match="/etc/haproxy/file: broken"):
                digest(inventory, node)
    assert digest(inventory, node) == digest_on_disk(node)


def test_another_save_and_other_rules_change_what_is_unsaved(node: Paths, told: Told, inventory: Inventory) -> None:
    (node.etc / "mine").touch()
    assert "/etc/mine" in unsaved(inventory)
    generations.save("", who="root", paths=node)
    told.give(str(node.saved_state))
    assert unsaved(inventory) == ()
    (node.etc / "mine").write_text("x")
    told.give("/etc/mine")
    assert unsaved(inventory) == ("/etc/mine",)
    path = node.in_etc(rules.FILE)
    path.parent.mkdir(exist_ok=True)
    path.write_text("quiet /etc/mine\n")
    told.give(rules.FILE)
    assert unsaved(inventory) == changes.unsaved_changes(paths=node).paths and "/etc/mine" not in unsaved(inventory)


def test_a_generation_that_was_touched_is_looked_at_again(node: Paths, told: Told, inventory: Inventory) -> None:
    (node.etc / "mine").touch()
    number = generations.save("", who="root", paths=node).generation.number
    told.give(str(node.saved_state))
    assert unsaved(inventory) == ()
    next(path for path in node.repository.iterdir() if str(number) in path.name).write_bytes(b"damaged")
    assert "/etc/mine" in unsaved(inventory) and inventory.save_problem


def test_the_saved_digest_is_that_of_what_is_saved(node: Paths, told: Told, inventory: Inventory) -> None:
    with inventory.current() as now:
        assert now.saved_digest("haproxy") == _saved_digest(node) != ""
        assert now.saved_digest("nothing") == ""


def _saved_digest(node: Paths) -> str:
    service, block = haproxy(node)
    return content.digest(block, manifest.entries_below(saved_state.load(node).entries, service.owns))


def test_a_scrub_says_what_had_changed_without_a_hint_once(node: Paths, told: Told, inventory: Inventory) -> None:
    for name in ("one", "two", "three"):
        (node.etc / name).write_text(name)
    unsaved(inventory)
    (node.etc / "one").write_text("eno")
    (node.etc / "two").unlink()
    (node.etc / "new").touch()
    (node.etc / "three").write_text("told")
    told.give("/etc/three")
    assert inventory.scrub(Progress()) == ("/etc/new", "/etc/one", "/etc/two")
    assert inventory.scrub(Progress()) == ()
    assert unsaved(inventory) == changes.unsaved_changes(paths=node).paths


def test_what_is_touched_while_a_scrub_looks_at_it_was_not_missed(
    node: Paths, told: Told, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsaved(inventory)
    (node.etc / "hosts").write_text("other")
    read = manifest.entry_below

    def touch_and_read(top: Path, path: str, name: str) -> Entry | None:
        told.give(name)
        return read(top, path, name)

    with monkeypatch.context() as patched:
        patched.setattr(manifest, "entry_below", touch_and_read)
        assert inventory.scrub(Progress()) == ()
    assert "/etc/hosts" in unsaved(inventory)


def test_a_scrub_leaves_no_trace(node: Paths, inventory: Inventory) -> None:
    file = node.etc / "file"
    file.write_text("x")
    os.utime(file, ns=(1, 2))
    inventory.scrub(Progress())
    # The first look at it is an ordinary one.
    os.utime(file, ns=(1, 2))
    inventory.scrub(Progress())
    assert file.stat().st_atime_ns == 1


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("x")


#: changes of all kinds, some of them of whole directories; `other` is another path
CHANGES: tuple[Callable[[Path, Path], object], ...] = (
    lambda path, other: path.write_text("one"),
    lambda path, other: path.write_text("two"),
    lambda path, other: append(path),
    lambda path, other: path.unlink(),
    lambda path, other: path.mkdir(),
    lambda path, other: path.rename(other),
    lambda path, other: native.exchange(path, other),
    lambda path, other: path.chmod(0o700),
    lambda path, other: path.chmod(0o750),
    lambda path, other: path.symlink_to("x"),
)


def play_change(top: Path, source: random.Random) -> None:
    """One of them, if it can be done there."""
    path, other = source.sample([top / name for name in ("a", "b", "a/c", "b/c", "a/c/d")], 2)
    with suppress(OSError):
        source.choice(CHANGES)(path, other)


@pytest.mark.parametrize("seed", range(8))
def test_with_the_kernels_hints_it_knows_what_everything_read_again_would_say(node: Paths, seed: int) -> None:
    source = random.Random(seed)

    async def play() -> None:
        watch = Watch([node.etc, node.saved_state.parent], lambda: None)
        inventory = Inventory(lambda: _as_etc(watch.take_hints(), node), node)
        unsaved(inventory)
        for _ in range(60):
            for _ in range(source.randint(1, 8)):
                play_change(node.etc / "haproxy", source)
            assert await asyncio.to_thread(digest, inventory, node) == digest_on_disk(node)
            assert unsaved(inventory) == changes.unsaved_changes(paths=node).paths
        assert inventory.scrub(Progress()) == ()
        watch.close()

    node.saved_state.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(play())


def _as_etc(hints: Hints, node: Paths) -> Hints:
    """What was touched below the node's /etc, as paths of /etc."""

    def named(path: str) -> str:
        return path.replace(str(node.etc), "/etc", 1)

    return Hints(frozenset(map(named, hints.paths)), frozenset(map(named, hints.trees)), hints.doubt)


def test_what_is_left_out_of_a_service_is_left_out(node: Paths, told: Told, inventory: Inventory) -> None:
    service = catalog.find("csyncd")
    assert service and service.follows
    (node.etc / "csyncd").mkdir()
    block = document.parse_tolerant("service csyncd\n")[0].first_blocks[0]
    with inventory.current() as now:
        before = now.service_digest(service, block)
    (node.etc / "csyncd" / Path(service.follows[0]).name).touch()
    told.give(service.follows[0])
    with inventory.current() as now:
        assert now.service_digest(service, block) == before
    assert not PathPatterns(service.follows).match("/etc/csyncd/csyncd.cfg")
