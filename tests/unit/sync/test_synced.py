"""What was synced last, as it is kept in memory: found again as it was, and never a reason to fail."""

from pathlib import Path

import pytest

from firmware import manifest
from firmware.manifest import Entry
from firmware.sync import synced

ENTRIES = {path: Entry(path, "file", 0o640, "root", "haproxy", 3, "xxh3-128:" + "0" * 32) for path in ("/a", "/\udcff")}


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    synced.keep("haproxy", "digest", ENTRIES, tmp_path / "synced")
    found = synced.find("haproxy", tmp_path / "synced")
    assert found and (found.digest, found.entries) == ("digest", ENTRIES)
    assert synced.find("snmpd", tmp_path) is None


@pytest.mark.parametrize("data", [b"", b"x", b"x\x9c\xab\x0e\x00\x00\xf9\x00\xbc"])
def test_what_is_damaged_is_not_known(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "haproxy").mkdir()
    (tmp_path / "haproxy" / synced.TABLE).write_bytes(data)
    assert synced.find("haproxy", tmp_path) is None


def test_where_there_is_no_room_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    synced.keep("haproxy", "digest", ENTRIES, tmp_path / "file" / "below")
    assert synced.find("haproxy", tmp_path / "file" / "below") is None


def test_signatures_are_kept_of_large_files_that_are_as_they_were_and_go_with_them(tmp_path: Path) -> None:
    source = tmp_path / "files"
    source.mkdir()
    for name in ("large", "changed"):
        (source / name).write_bytes(name.encode() * 30_000)
    (source / "small").write_bytes(b"small")
    entries = manifest.scan(source, named=Path("/etc/haproxy"))
    (source / "changed").write_bytes(b"since")
    synced.keep("haproxy", "digest", entries, tmp_path / "synced")
    synced.keep_signatures("haproxy", entries, source, "/etc/haproxy", tmp_path / "synced")
    known = synced.find("haproxy", tmp_path / "synced")
    assert known and known.entries == entries
    found = {Path(path).name: synced.signature(known, entry.digest) is not None for path, entry in entries.items()}
    assert found == {"large": True, "changed": False, "small": False}
    synced.keep_signatures("haproxy", {}, source, "/etc/haproxy", tmp_path / "synced")
    assert [path.name for path in (tmp_path / "synced" / "haproxy").iterdir()] == [synced.TABLE]
    synced.forget("haproxy", tmp_path / "synced")
    assert synced.find("haproxy", tmp_path / "synced") is None
