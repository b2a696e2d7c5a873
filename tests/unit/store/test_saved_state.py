"""What a reboot would bring back is told right, also after somebody had a hand in the flash; and looking at it settles."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import directory_node
import pytest

from firmware.rc.title import Title
from firmware.store import changes, generations, repository, restore, saved_state
from firmware.store.paths import Paths


@pytest.fixture
def node(tmp_path: Path) -> Paths:
    """With two generations, the newer of which is below /etc."""
    found = directory_node.make(tmp_path)
    for text in ("one", "two"):
        directory_node.write(found.etc / "config.rc", f"service haproxy\n# {text}\n")
        generations.save("", who="tester", paths=found)
    return found


def overwritten(path: Path) -> None:
    """One bit, the same size, the same times as far as one can set them."""
    before, data = path.stat(), bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[:-1] + b"x")
    other.rename(path)


def truncated(path: Path) -> None:
    os.truncate(path, 700)


HARM = [overwritten, replaced, truncated, Path.unlink]


@pytest.mark.parametrize("harm", HARM)
def test_harm_to_the_newest_generation_is_noticed_at_once(node: Paths, harm: Callable[[Path], None]) -> None:
    assert changes.unsaved_changes(paths=node).paths == ()
    harm(repository.path_of(node.repository, 2))
    assert changes.unsaved_changes(paths=node).changed == ("/etc/config.rc",)
    block = saved_state.load(node).block(Title.parse("haproxy"))
    assert block is not None
    assert saved_state.load(node).config == "service haproxy\n# one\n"
    assert generations.save("", who="tester", paths=node).fresh
    assert changes.unsaved_changes(paths=node).paths == ()


@pytest.mark.parametrize("again", ["boot", "restore", "save", "rebuilt"])
def test_whoever_writes_the_state_it_is_checked(node: Paths, again: str) -> None:
    if again == "boot":
        directory_node.reboot(node)
    elif again == "restore":
        restore.restore(live=True, paths=node)
    elif again == "save":
        assert not generations.save("", who="tester", paths=node).fresh
    else:
        saved_state.forget(node)
        saved_state.load(node)
    overwritten(repository.path_of(node.repository, 2))
    assert changes.unsaved_changes(paths=node).changed == ("/etc/config.rc",)


def test_without_any_generation_left_it_is_the_factory(node: Paths) -> None:
    shutil.rmtree(node.repository)
    assert saved_state.load(node).generation is None
    assert saved_state.load(node).config == directory_node.CONFIG


@pytest.mark.parametrize("harm", HARM)
def test_it_settles(node: Paths, harm: Callable[[Path], None]) -> None:
    """A daemon is told of every new state file, and asks again then: so it must not be written again for that."""
    harm(repository.path_of(node.repository, 2))
    saved_state.load(node)
    written = directory_node.identity(node.saved_state)
    for _ in range(3):
        changes.unsaved_changes(paths=node)
    assert directory_node.identity(node.saved_state) == written


def test_a_touched_file_that_is_whole_is_the_same_state(node: Paths) -> None:
    before = saved_state.load(node)
    repository.path_of(node.repository, 2).touch()
    after = saved_state.load(node)
    assert (after.generation, after.entries) == (before.generation, before.entries)
    written = directory_node.identity(node.saved_state)
    assert saved_state.load(node) == after
    assert directory_node.identity(node.saved_state) == written


def test_many_who_notice_it_at_once_work_it_out_once(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, worked = saved_state.find_newest, list[int]()

    def counting(directory: Path, places: Paths) -> saved_state.SavedState:
        worked.append(1)
        return genuine(directory, places)

    monkeypatch.setattr(saved_state, "find_newest", counting)
    overwritten(repository.path_of(node.repository, 2))
    found = list[str]()
    asking = [threading.Thread(target=lambda: found.append(saved_state.load(node).config)) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(10)
    assert found == ["service haproxy\n# one\n"] * 8
    assert len(worked) == 1


def test_in_the_good_case_the_flash_is_not_opened(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(repository, "open_directory", never)
    for name in ("mount", "is_reachable", "_in_fstab"):
        monkeypatch.setattr(f"firmware.store.flash.{name}", never)
    assert changes.unsaved_changes(paths=node).paths == ()


def test_a_state_file_from_before_there_were_identities_is_worked_out_anew(node: Paths) -> None:
    import json

    told = json.loads(node.saved_state.read_text())
    del told["seen"]
    node.saved_state.write_text(json.dumps(told))
    overwritten(repository.path_of(node.repository, 2))
    assert saved_state.load(node).config == "service haproxy\n# one\n"
