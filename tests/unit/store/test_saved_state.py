"""What a reboot would bring back is told right, also after somebody had a hand in the flash; and looking at it settles."""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import directory_node
import pytest

from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.store import changes, generations, repository, restore, saved_state
from firmware.store.paths import Paths


@pytest.fixture
def saved_twice(tmp_path: Path) -> Paths:
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


def written_by_a_newer_firmware(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"format": ', b'"format": 9', 1))


@pytest.mark.parametrize("harm", [overwritten, written_by_a_newer_firmware])
def test_it_is_said_that_a_reboot_does_not_bring_back_the_newest(
    saved_twice: Paths, harm: Callable[[Path], None]
) -> None:
    assert generations.reboot_problem(saved_twice) == saved_state.load(saved_twice).problem == ""
    harm(repository.path_of(saved_twice.repository, 2))
    for found in (saved_state.load(saved_twice).problem, generations.reboot_problem(saved_twice)):
        assert found.startswith("generation 2, the newest one: ") and found.endswith(
            "; a reboot brings back generation 1"
        )
    restore.restore(paths=saved_twice)
    assert saved_state.load(saved_twice).problem.endswith("; a reboot brings back generation 1")
    harm(repository.path_of(saved_twice.repository, 1))
    assert generations.reboot_problem(saved_twice).endswith("; a reboot brings back the factory's configuration")
    generations.save("", who="tester", paths=saved_twice)
    assert generations.reboot_problem(saved_twice) == saved_state.load(saved_twice).problem == ""


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[:-1] + b"x")
    other.rename(path)


def truncated(path: Path) -> None:
    os.truncate(path, 700)


HARM = [overwritten, replaced, truncated, Path.unlink]


@pytest.mark.parametrize("harm", HARM)
def test_harm_to_the_newest_generation_is_noticed_at_once(saved_twice: Paths, harm: Callable[[Path], None]) -> None:
    assert changes.unsaved_changes(paths=saved_twice).paths == ()
    harm(repository.path_of(saved_twice.repository, 2))
    assert changes.unsaved_changes(paths=saved_twice).changed == ("/etc/config.rc",)
    block = saved_state.load(saved_twice).block(Title.parse("haproxy"))
    assert block is not None
    assert saved_state.load(saved_twice).config == "service haproxy\n# one\n"
    assert generations.save("", who="tester", paths=saved_twice).fresh
    assert changes.unsaved_changes(paths=saved_twice).paths == ()


@pytest.mark.parametrize("again", ["boot", "restore", "save", "rebuilt"])
def test_whoever_writes_the_state_it_is_checked(saved_twice: Paths, again: str) -> None:
    if again == "boot":
        directory_node.reboot(saved_twice)
    elif again == "restore":
        restore.restore(live=True, paths=saved_twice)
    elif again == "save":
        assert not generations.save("", who="tester", paths=saved_twice).fresh
    else:
        saved_state.forget(saved_twice)
        saved_state.load(saved_twice)
    overwritten(repository.path_of(saved_twice.repository, 2))
    assert changes.unsaved_changes(paths=saved_twice).changed == ("/etc/config.rc",)


def test_without_any_generation_left_it_is_the_factory(saved_twice: Paths) -> None:
    shutil.rmtree(saved_twice.repository)
    assert saved_state.load(saved_twice).generation is None
    assert saved_state.load(saved_twice).config == directory_node.CONFIG


@pytest.mark.parametrize("harm", HARM)
def test_it_settles(saved_twice: Paths, harm: Callable[[Path], None]) -> None:
    """A daemon is told of every new state file, and asks again then: so it must not be written again for that."""
    harm(repository.path_of(saved_twice.repository, 2))
    saved_state.load(saved_twice)
    written = directory_node.identity(saved_twice.saved_state)
    for _ in range(3):
        changes.unsaved_changes(paths=saved_twice)
    assert directory_node.identity(saved_twice.saved_state) == written


def test_a_touched_file_that_is_whole_is_the_same_state(saved_twice: Paths) -> None:
    before = saved_state.load(saved_twice)
    repository.path_of(saved_twice.repository, 2).touch()
    after = saved_state.load(saved_twice)
    assert (after.generation, after.entries) == (before.generation, before.entries)
    written = directory_node.identity(saved_twice.saved_state)
    assert saved_state.load(saved_twice) == after
    assert directory_node.identity(saved_twice.saved_state) == written


def test_many_who_notice_it_at_once_work_it_out_once(saved_twice: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, worked = saved_state.find_newest, list[int]()

    def counting(directory: Path, places: Paths) -> saved_state.SavedState:
        worked.append(1)
        return genuine(directory, places)

    monkeypatch.setattr(saved_state, "find_newest", counting)
    overwritten(repository.path_of(saved_twice.repository, 2))
    found = list[str]()
    asking = [threading.Thread(target=lambda: found.append(saved_state.load(saved_twice).config)) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(10)
    assert found == ["service haproxy\n# one\n"] * 8
    assert len(worked) == 1


def test_in_the_good_case_the_flash_is_not_opened(saved_twice: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(repository, "open_directory", never)
    for name in ("mount", "is_reachable", "_in_fstab"):
        monkeypatch.setattr(f"firmware.store.flash.{name}", never)
    assert changes.unsaved_changes(paths=saved_twice).paths == ()


def test_a_state_file_from_before_there_were_identities_is_worked_out_anew(saved_twice: Paths) -> None:
    import json

    told = json.loads(saved_twice.saved_state.read_text())
    del told["seen"]
    saved_twice.saved_state.write_text(json.dumps(told))
    overwritten(repository.path_of(saved_twice.repository, 2))
    assert saved_state.load(saved_twice).config == "service haproxy\n# one\n"


def test_the_saved_state_needs_no_flash(node: Paths) -> None:
    directory_node.save_config(node, "1")
    directory_node.write(node.etc / "hosts", "mine")
    shutil.rmtree(node.flash)
    assert changes.unsaved_changes(paths=node).changed == ("/etc/hosts",)
    block: Block | None = saved_state.load(node).block(Title.parse("haproxy"))
    assert block is not None
    assert saved_state.load(node).block(Title.parse("network.eth0")) is None
    assert saved_state.load(node).entries["/etc/hosts"].size == len("127.0.0.1 localhost\n")


@pytest.mark.parametrize(
    "wrong", [b"", b"{}", b"[]", b'{"format": 9}', b'{"format": 1, "generation": null, "entries": [[1]]}', b"\xff"]
)
def test_a_wrong_state_file_is_worked_out_anew(node: Paths, wrong: bytes) -> None:
    directory_node.save_config(node, "1")
    right = saved_state.load(node)
    node.saved_state.write_bytes(wrong)
    assert saved_state.load(node) == right
    assert node.saved_state.read_bytes() != wrong


def test_a_state_file_of_another_format_is_worked_out_anew(node: Paths) -> None:
    directory_node.save_config(node, "1")
    right = node.saved_state.read_text()
    newer = right.replace(f'"format": {saved_state.FORMAT}', f'"format": {saved_state.FORMAT + 1}')
    node.saved_state.write_text(newer.replace("# 1", "# wrong"))
    assert saved_state.load(node).config == "service haproxy\n# 1\n"
    assert node.saved_state.read_text() == right


def test_who_waited_for_the_flash_believes_the_one_before(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """csyncd asks in the very moment of a save: it waits, and then there is a state file."""
    right = saved_state.load(node)
    saved_state.forget(node)
    results: list[saved_state.SavedState] = []
    with repository.open_directory(write=True, paths=node):
        asking = threading.Thread(target=lambda: results.append(saved_state.load(node)))
        asking.start()
        asking.join(0.3)
        assert results == []
        saved_state.write(replace(right, config="newer"), node)
    asking.join(10)
    assert results[0].config == "newer"
