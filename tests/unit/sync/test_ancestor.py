"""What both nodes had after their last sync: when it is written anew, and when not."""

from pathlib import Path

from firmware.sync import ancestor
from firmware.sync.keys import KnownPeer

PEER = KnownPeer(2, "SHA256:old")


def test_a_sync_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    """Else each push of what the peer has already would be a change of both nodes that asks to be saved."""
    path, lock = tmp_path / "ancestors.json", tmp_path / "lock"

    def record(digest: str, files: list[str], pushed_by: int) -> bytes:
        ancestor.record(PEER, "haproxy", digest, files, pushed_by=pushed_by, path=path, lock=lock)
        return path.read_bytes()

    first = record("xxh3-128:1", ["a", "b"], 1)
    before = path.stat().st_ino
    assert record("xxh3-128:1", ["b", "a"], 1) == first and path.stat().st_ino == before
    assert record("xxh3-128:2", ["a", "b"], 1) != first
    second = path.read_bytes()
    assert record("xxh3-128:2", ["a"], 1) != second
    third = path.read_bytes()
    assert record("xxh3-128:2", ["a"], 2) != third


def test_a_peer_whose_key_was_replaced_is_another_one(tmp_path: Path) -> None:
    """A node that was reset, and has keys of its own again, knows nothing of what was synced before."""
    path, lock = tmp_path / "ancestors.json", tmp_path / "lock"
    ancestor.record(PEER, "haproxy", "xxh3-128:1", [], pushed_by=1, path=path, lock=lock)
    assert ancestor.find(PEER, "haproxy", path) is not None
    reset = KnownPeer(2, "SHA256:new")
    assert ancestor.find(reset, "haproxy", path) is None and ancestor.load(reset, path).problem is None
    ancestor.record(reset, "haproxy", "xxh3-128:2", [], pushed_by=2, path=path, lock=lock)
    assert ancestor.find(PEER, "haproxy", path) is None and ancestor.find(reset, "haproxy", path) is not None


def test_what_is_forgotten_was_never_synced(tmp_path: Path) -> None:
    path, lock = tmp_path / "ancestors.json", tmp_path / "lock"
    others = KnownPeer(3, "SHA256:third")
    for peer in (PEER, others):
        for title in ("haproxy", "syslogd"):
            ancestor.record(peer, title, "xxh3-128:1", [], pushed_by=1, path=path, lock=lock)
    ancestor.forget(2, "haproxy", path, lock)
    assert {*ancestor.load(PEER, path).by_title} == {"syslogd"}
    ancestor.forget(2, path=path, lock=lock)
    assert {*ancestor.load(PEER, path).by_title} == set() and len(ancestor.load(others, path).by_title) == 2


def test_a_damaged_file_is_not_begun_anew_by_forgetting(tmp_path: Path) -> None:
    path = tmp_path / "ancestors.json"
    path.write_text("{")
    ancestor.forget(2, path=path, lock=tmp_path / "lock")
    assert path.read_text() == "{"
