"""All that may be pushed to a node is bounded together, not only each service for itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from firmware import native
from firmware.errors import Refused
from firmware.manifest import Entry
from firmware.services import catalog
from firmware.services.definition import Service
from firmware.store import archive
from firmware.store.archive.item import Item
from firmware.sync import space
from firmware.sync.space import Room

MIB = 2**20


def found(name: str) -> Service:
    service = catalog.find(name)
    assert service
    return service


def entries(owns: str, *sizes: int) -> dict[str, Entry]:
    paths = {f"{owns}/{number}": size for number, size in enumerate(sizes)}
    return {path: Entry(path, "file", 0o640, "root", "root", size, "") for path, size in paths.items()}


def lay(root: Path, name: str, *sizes: int) -> None:
    (root / "etc" / name).mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes):
        with (root / "etc" / name / str(number)).open("wb") as file:
            file.truncate(size)


def test_one_service_may_have_all_that_one_service_may_have(tmp_path: Path) -> None:
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB, 8 * MIB), root=tmp_path)


def test_all_services_together_are_bounded(tmp_path: Path) -> None:
    lay(tmp_path, "snmpd", 64 * MIB, 64 * MIB)
    space.require_space(found("haproxy"), entries("/etc/haproxy", 32 * MIB), root=tmp_path)
    with pytest.raises(Refused, match=r"192\.0 MiB in 3 files, .*; at most 160 MiB in 30000 files") as caught:
        space.require_space(found("haproxy"), entries("/etc/haproxy", 64 * MIB), root=tmp_path)
    assert "/etc/snmpd" in caught.value.hint and "128.0 MiB" in caught.value.hint


def test_small_files_count_as_whole_pages_and_by_their_number(tmp_path: Path) -> None:
    lay(tmp_path, "snmpd", *[1] * 4000)
    lay(tmp_path, "ipvsd", *[1] * 2000)
    with pytest.raises(Refused, match=r"117\.2 MiB in 30001 files"):
        space.require_space(found("haproxy"), entries("/etc/haproxy", *[1] * 24_001), root=tmp_path)
    lay(tmp_path, "empty")
    with pytest.raises(Refused, match=r"23\.4 MiB in 30001 files"):
        space.require_space(found("haproxy"), entries("/etc/haproxy", *[0] * 24_001), root=tmp_path)


def test_paths_count_as_they_are_saved(tmp_path: Path) -> None:
    plain, strange = (
        {
            f"/etc/haproxy/{letter * 250}{number}": one
            for number, one in enumerate(entries("/etc/haproxy", *[0] * 4096).values())
        }
        for letter in "a\udcff"
    )
    space.require_space(found("haproxy"), plain, root=tmp_path)
    with pytest.raises(Refused, match=r"5\.9 MiB of paths"):
        space.require_space(found("haproxy"), strange, root=tmp_path)


def test_what_is_taken_can_be_saved() -> None:
    """Files of a page each, and then small ones with long paths."""
    for count, size, length in (
        ((archive.LIMIT >> 12) * 6 // 8, 4096, 80),  # of more bytes it is said that they cannot be saved
        (space.MAX_FILES, 0, space.MAX_PATHS // space.MAX_FILES),
    ):
        directories = "/".join(["a" * 199] * (length // 200))
        data, path = bytes(size), f"/etc/haproxy/{directories or 'a'}/{'b' * (length % 200)}"
        known = [
            Entry(f"{path}{number:06}", "file", 0o640, "haproxy", "haproxy", size, native.bytes_digest(data))
            for number in range(count)
        ]
        draft = archive.Draft(
            {one.path: Item(one, 401, 401, 2**33 - 1, "") for one in known}, {one.path: data for one in known}, ()
        )
        assert archive.build(archive.Label(1, "", "", "", ""), draft)


def test_what_stays_on_a_node_does_not_count(tmp_path: Path) -> None:
    lay(tmp_path, "wui", 160 * MIB)
    lay(tmp_path, "elsewhere", 160 * MIB)
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)


def test_what_becomes_less_is_taken_although_there_is_too_much(tmp_path: Path) -> None:
    lay(tmp_path, "snmpd", 160 * MIB)
    lay(tmp_path, "haproxy", 8 * MIB)
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)
    space.require_space(found("haproxy"), {}, root=tmp_path)
    with pytest.raises(Refused):
        space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB + 1), root=tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    lay(tmp_path, "elsewhere", 160 * MIB)
    lay(tmp_path, "snmpd", 1)
    (tmp_path / "etc/snmpd/link").symlink_to(tmp_path / "etc/elsewhere")
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)


def test_what_has_no_room_is_refused_with_the_largest_file() -> None:
    """A unit of 256 MB has 60 MB for /etc and as much for /run, and all of it is memory."""
    unit, haproxy = Room(52 * MIB, 40 * MIB, 120 * MIB, 20_000), found("haproxy")
    space.require_room(haproxy, entries("/etc/haproxy", 20 * MIB, 5 * MIB), unit, "node 2")
    wanted = {
        r"40\.0 MiB take 44\.0 MiB below /run, and 40\.0 MiB are": {"run": 40 * MIB},
        r"40\.0 MiB take 44\.0 MiB below /etc, and 43\.0 MiB are": {"etc": 43 * MIB},
        r"40\.0 MiB take 144\.0 MiB of memory, and 143\.0 MiB are": {"memory": 143 * MIB},
        "2 files, and there may be 1 more": {"files": 1},
    }
    for words, short in wanted.items():
        room = replace(Room(99 * MIB, 99 * MIB, 200 * MIB, 9), **short)
        with pytest.raises(Refused, match=f"^service haproxy: no room on node 2: {words}") as caught:
            space.require_room(haproxy, entries("/etc/haproxy", 30 * MIB, 10 * MIB - 8192), room, "node 2")
        assert "files" in short or str(caught.value).endswith(f"the largest file is /etc/haproxy/0, {30 * MIB} bytes")
        assert caught.value.hint


def test_what_is_kept_to_be_put_back_takes_room_too() -> None:
    room = Room(99 * MIB, 50 * MIB, 300 * MIB, 9)
    space.require_room(found("haproxy"), entries("/etc/haproxy", 30 * MIB), room, "here")
    with pytest.raises(Refused, match="below /run"):
        space.require_room(found("haproxy"), entries("/etc/haproxy", 30 * MIB), room, "here", beside=20 * MIB)


def test_the_room_of_this_node_is_what_its_file_systems_say(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 1 kB\nMemAvailable: 100000 kB\n")
    found = space.local_room(tmp_path, tmp_path, tmp_path / "meminfo")
    assert found.memory == 96 * MIB and found.etc == found.run > 0 and found.files > 0
