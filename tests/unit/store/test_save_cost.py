"""What a save costs: every file is read once, no old archive is parsed, and beside tar it is three times as much at most."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import directory_node
import pytest

from firmware import native
from firmware.errors import Failure
from firmware.store import archive, capture, generations, repository
from firmware.store.archive.item import Item
from firmware.store.paths import Paths

#: how many times as long as tar to a file, with a sync, a save may take
BAR = 3
SAVING = directory_node.TOP / "tests/long/saving.py"


def test_every_file_is_read_once_and_no_old_archive_is_parsed(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "MOST_KEPT", 4)
    for number in range(1, repository.MOST_KEPT + 2):
        directory_node.save_config(node, str(number))
    read, parsed, verified = list[str](), list[str](), list[int]()
    names, verify = native.read_names, archive.verify
    monkeypatch.setattr(native, "read_names", lambda *words: (read.extend(words[0]), names(*words))[1])
    monkeypatch.setattr(archive, "parse", lambda *words: parsed.append("parsed"))
    monkeypatch.setattr(archive, "verify", lambda data: (verified.append(len(data)), verify(data))[1])
    monkeypatch.setattr(capture, "TICK", 0)
    number = directory_node.save_config(node, "one more")
    assert repository.numbers(node.repository) == list(range(number, number - repository.MOST_KEPT, -1))
    files = [path.name for path in node.etc.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sorted(read) == sorted(files)
    assert parsed == []
    assert len(verified) == 1  # before the oldest goes, another one beside the new one is known to be whole


def test_nothing_to_save_is_only_said_once_the_newest_was_verified(node: Paths) -> None:
    number = directory_node.save_config(node, "1")
    assert not directory_node.save(node).fresh
    state = node.saved_state.read_bytes()
    status = repository.path_of(node.repository, number).stat()
    directory_node.damage_generation(node, number)
    # The flash has lost a bit: nothing about the file tells.
    state = state.replace(str(status.st_ctime_ns).encode(), str(_times(node, number)[1]).encode())
    node.saved_state.write_bytes(state.replace(str(status.st_mtime_ns).encode(), str(_times(node, number)[0]).encode()))
    done = directory_node.save(node)
    assert (done.fresh, done.generation.number) == (True, number + 1)
    assert generations.load(number + 1, paths=node)


def _times(node: Paths, number: int) -> tuple[int, int]:
    status = repository.path_of(node.repository, number).stat()
    return status.st_mtime_ns, status.st_ctime_ns


def test_a_change_of_the_same_size_within_one_tick_of_the_clock_is_noticed(
    node: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time stamps do not tell of it."""
    directory_node.write(node.etc / "hosts", "one\n")
    genuine, rounds, look = capture._read_all, list[int](), capture._changed_paths

    def moving(*words: Any) -> Any:
        found = genuine(*words)
        rounds.append(1)
        if len(rounds) == 1:
            (node.etc / "hosts").write_text(f"{late.pop()}\n")
        return found

    late = ["six", "two"]

    monkeypatch.setattr(capture, "_read_all", moving)
    monkeypatch.setattr(capture, "_changed_paths", lambda *words: [])
    monkeypatch.setattr(capture, "TICK", 10**12)  # however long a busy machine takes from that line to this one
    directory_node.save(node)
    assert generations.load(1, paths=node).content("/etc/hosts") == b"two\n"
    # The control: what time stamps tell is enough where they are old enough.
    monkeypatch.setattr(capture, "_changed_paths", look)
    monkeypatch.setattr(capture, "TICK", -(10**12))
    rounds.clear()
    directory_node.write(node.etc / "hosts", "old\n")
    directory_node.save(node)
    assert generations.load(2, paths=node).content("/etc/hosts") == b"six\n"


def test_what_could_not_be_read_again_is_not_made(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    directory_node.save_config(node, "1")
    genuine = capture._item
    monkeypatch.setattr(capture, "TICK", -(10**12))
    monkeypatch.setattr(capture, "_item", lambda *words: _with_owner(genuine(*words), "a:b"))
    directory_node.write(node.etc / "odd", "x")
    with pytest.raises(Failure, match=r"/etc/.*: an owner's name is malformed"):
        directory_node.save(node)
    assert repository.numbers(node.repository) == [1]


def _with_owner(item: Item, name: str) -> Item:
    return replace(item, entry=replace(item.entry, owner=name))


@pytest.mark.all
@pytest.mark.alone
@pytest.mark.parametrize("lines", ["170", "45"], ids=["4 KB", "1 KB"])
def test_a_save_of_a_thousand_files_costs_little_more_than_tar(tmp_path: Path, lines: str) -> None:
    directory_node.make(tmp_path)
    argv = [sys.executable, str(SAVING), str(tmp_path), "15", lines]
    environment = {"PYTHONPATH": str(directory_node.TOP), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment, timeout=120)
    ours, theirs = map(float, done.stdout.split())
    assert ours <= BAR * theirs, f"{ours:.3f} s, and tar {theirs:.3f} s"
