"""What both nodes had after their last sync: when it is written anew, and when not."""

from pathlib import Path

from firmware.sync import ancestor


def test_a_sync_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    """Else each push of what the peer has already would be a change of both nodes that asks to be saved."""
    path, lock = tmp_path / "ancestors.json", tmp_path / "lock"

    def record(digest: str, files: list[str], pushed_by: int) -> bytes:
        ancestor.record(2, "haproxy", digest, files, pushed_by=pushed_by, path=path, lock=lock)
        return path.read_bytes()

    first = record("xxh3-128:1", ["a", "b"], 1)
    before = path.stat().st_ino
    assert record("xxh3-128:1", ["b", "a"], 1) == first and path.stat().st_ino == before
    assert record("xxh3-128:2", ["a", "b"], 1) != first
    second = path.read_bytes()
    assert record("xxh3-128:2", ["a"], 1) != second
    third = path.read_bytes()
    assert record("xxh3-128:2", ["a"], 2) != third
