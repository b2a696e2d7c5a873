"""All that may be pushed to a node is bounded together, not only each service for itself."""

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


def test_a_second_one_must_leave_room_for_a_save(tmp_path: Path) -> None:
    lay(tmp_path, "snmpd", 8 * MIB, 8 * MIB)
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)
    with pytest.raises(Refused, match=r"32\.0 MiB in 4 files, .*; at most 24 MiB in 8192 files") as caught:
        space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB, 8 * MIB), root=tmp_path)
    assert "/etc/" in caught.value.hint and "16.0 MiB" in caught.value.hint


def test_small_files_count_as_whole_pages_and_by_their_number(tmp_path: Path) -> None:
    lay(tmp_path, "snmpd", *[1] * 4000)
    lay(tmp_path, "ipvsd", *[1] * 2000)
    with pytest.raises(Refused, match=r"39\.1 MiB in 10000 files"):
        space.require_space(found("haproxy"), entries("/etc/haproxy", *[1] * 4000), root=tmp_path)
    lay(tmp_path, "empty")
    with pytest.raises(Refused, match=r"23\.4 MiB in 9000 files"):
        space.require_space(found("haproxy"), entries("/etc/haproxy", *[0] * 3000), root=tmp_path)


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
        (space.MAX_BYTES // 4096, 4096, 80),
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
    lay(tmp_path, "wui", 30 * MIB)
    lay(tmp_path, "elsewhere", 30 * MIB)
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)


def test_what_becomes_less_is_taken_although_there_is_too_much(tmp_path: Path) -> None:
    lay(tmp_path, "snmpd", 30 * MIB)
    lay(tmp_path, "haproxy", 8 * MIB)
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)
    space.require_space(found("haproxy"), {}, root=tmp_path)
    with pytest.raises(Refused):
        space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB + 1), root=tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    lay(tmp_path, "elsewhere", 30 * MIB)
    lay(tmp_path, "snmpd", 1)
    (tmp_path / "etc/snmpd/link").symlink_to(tmp_path / "etc/elsewhere")
    space.require_space(found("haproxy"), entries("/etc/haproxy", 8 * MIB), root=tmp_path)
