"""The digests that `config digest` prints: XXH3-128, in the form that `xxhsum -c` reads."""

import os
from pathlib import Path

import directory_node
import pytest

from firmware.errors import Failure
from firmware.operations.digests import FileDigest, file_digests

#: XXH3-128 of no bytes, as its authors publish it
OF_NOTHING = "99aa06d3014798d86001c324468d497f"


def test_a_line_is_what_xxhsum_reads(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    (found,) = file_digests([str(path)])
    assert found.line == f"{OF_NOTHING}  {path}\n".encode()
    assert found.json() == {"path": str(path), "digest": f"xxh3-128:{OF_NOTHING}"}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("/a b", b"00  /a b\n"),
        ("/a\nb", b"\\00  /a\\nb\n"),
        ("/a\\b", b"\\00  /a\\\\b\n"),
        ("/a\udcffb", b"00  /a\xffb\n"),
    ],
)
def test_any_name_stays_one_line(name: str, line: bytes) -> None:
    assert FileDigest(name, "xxh3-128:00").line == line


def test_of_a_directory_all_files_and_no_links(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    for name in ("b/c/1", "b/0", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert [one.path for one in file_digests([str(tmp_path)])] == [
        f"{tmp_path}/{name}" for name in ("a", "b/0", "b/c/1")
    ]


def test_what_is_no_file_is_said_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("none", "No such file or directory"), ("pipe", "it is not a regular file")):
        with pytest.raises(Failure, match=f"{tmp_path / name}: {why}"):
            list(file_digests([str(tmp_path / name)]))


def test_without_names_it_is_what_a_save_would_keep(tmp_path: Path) -> None:
    node = directory_node.make(tmp_path)
    directory_node.write(node.etc / "wui/tls.pem", "x")
    found = {one.path: one.digest for one in file_digests(paths=node)}
    assert {"/etc/config.rc", "/etc/haproxy/haproxy.cfg", "/etc/wui/tls.pem"} <= found.keys()
    assert all(digest.startswith("xxh3-128:") for digest in found.values())
