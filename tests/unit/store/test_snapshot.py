"""What is saved is one state, not a mixture, and without what is never saved."""

import os
import socket
from typing import Any

import directory_node
import pytest

from firmware import native
from firmware.errors import Failure
from firmware.store import capture, changes, generations, repository, restore
from firmware.store.paths import Paths

pytestmark = pytest.mark.usefixtures("no_leftovers")


def test_ignored_paths_are_left_out_both_ways(node: Paths) -> None:
    for name in ("mtab", "haproxy/x~", ".staging/haproxy/tree/y", "haproxy/.firmware-abcd1234"):
        directory_node.write(node.etc / name, "x")
    assert changes.unsaved_changes(paths=node).paths == ()
    directory_node.save(node)
    assert not any("mtab" in path or "~" in path or "/." in path for path in generations.load(1, paths=node).items)
    restore.restore(live=True, paths=node)
    assert (node.etc / "mtab").exists()
    assert (node.etc / "haproxy/x~").exists()
    directory_node.reboot(node)
    assert not (node.etc / "mtab").exists()


@pytest.mark.root
def test_sockets_and_devices_are_never_saved_nor_removed(node: Paths) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(node.etc / "control"))
        os.mkfifo(node.etc / "pipe")
        os.mknod(node.etc / "null", 0o020666, os.makedev(1, 3))
        assert changes.unsaved_changes(paths=node).paths == ()
        directory_node.save(node)
        restore.restore(live=True, paths=node)
        assert (node.etc / "control").is_socket()
        directory_node.reboot(node)
    assert not (node.etc / "pipe").exists()


def test_a_file_that_keeps_changing_is_not_saved_as_a_mixture(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair of files that is always written together is saved together, or not at all."""
    genuine = capture._read_all
    rounds = iter(range(100))

    def moving(*words: Any) -> object:
        found = genuine(*words)
        directory_node.write(node.etc / "pair-b", str(next(rounds)))
        return found

    directory_node.write(node.etc / "pair-b", "start")
    monkeypatch.setattr(capture, "_read_all", moving)
    with pytest.raises(Failure, match="/etc/pair-b: it keeps changing"):
        directory_node.save(node)
    assert repository.numbers(node.repository) == []
    rounds = iter([])
    monkeypatch.setattr(capture, "_read_all", genuine)
    assert directory_node.save(node).fresh


def test_a_file_that_changes_there_and_back_is_read_again(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, calls = native.read_names, list[str]()

    def fleeting(names: list[str], place: int, rooms: list[int]) -> Any:
        calls.extend(names)
        found = genuine(names, place, rooms)
        if "hosts" in names and calls.count("hosts") == 1:
            found[names.index("hosts")] = (memoryview(b"fleetin"), native.bytes_digest(b"fleetin"))
        return found

    directory_node.write(node.etc / "hosts", "lasting")
    monkeypatch.setattr(native, "read_names", fleeting)
    directory_node.save(node)
    assert calls.count("hosts") == 2
    assert generations.load(1, paths=node).content("/etc/hosts") == b"lasting"


def test_it_takes_another_look_if_something_moved_once(node: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, calls = capture._read_all, list[int]()

    def moving(*words: Any) -> object:
        found = genuine(*words)
        if not calls:
            directory_node.write(node.etc / "hosts", "late")
        calls.append(1)
        return found

    monkeypatch.setattr(capture, "_read_all", moving)
    directory_node.save(node)
    assert len(calls) == 2
    assert generations.load(1, paths=node).content("/etc/hosts") == b"late"


def test_config_rc_is_closed_to_others_whatever_an_earlier_firmware_saved(node: Paths) -> None:
    directory_node.write(node.etc / "config.rc", "service mine\n", 0o644)
    directory_node.save(node)
    directory_node.reboot(node)
    assert (node.etc / "config.rc").stat().st_mode & 0o7777 == 0o600
    assert (node.etc / "config.rc").read_text() == "service mine\n"
    assert changes.unsaved_changes(paths=node).paths == ()
