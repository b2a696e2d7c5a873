"""Root reads and changes what an account may write, and is led nowhere else: by paths, and while the account exchanges them."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import directory_node
import exchanger
import pytest

from firmware import directory, manifest, native
from firmware.errors import Failure
from firmware.services import content, directories
from firmware.services.definition import Service
from firmware.store import capture as capturing
from firmware.store import changes, restore, rules, snapshot
from firmware.store.paths import Paths

SECRET = b"nobody's business\n"
SERVICE = Service("haproxy", "", owns="/etc/haproxy")


# ---- by paths


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree with a link beside each directory that leads out of it."""
    directory_node.write(tmp_path / "out/file", "out")
    directory_node.write(tmp_path / "top/a/b/file", "in")
    (tmp_path / "top/a/out").symlink_to(tmp_path / "out")
    (tmp_path / "top/a/back").symlink_to("b")
    os.mkfifo(tmp_path / "top/pipe")
    return tmp_path / "top"


def open_descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")


@pytest.mark.parametrize("path", ["a/out/file", "a/back/file", "a/b/file/x", "a/../a/out/file"])
def test_no_link_is_followed_on_the_way(top: Path, path: str) -> None:
    before = open_descriptors()
    with pytest.raises(NotADirectoryError, match=str(top / path)):
        directory.read(top, path)
    assert open_descriptors() == before


@pytest.mark.parametrize("path", ["a/out", "a/b", "pipe"])
def test_only_files_are_read(top: Path, path: str) -> None:
    before = open_descriptors()
    with pytest.raises(OSError, match=str(top / path)):
        directory.read(top, path)
    assert open_descriptors() == before


def test_a_file_is_read_below_a_path_or_a_descriptor(top: Path) -> None:
    assert directory.read(top, "a/b/file") == b"in"
    with directory.descriptor(top, "a") as handle:
        assert directory.read(handle, "b/file") == b"in"


def test_a_top_may_be_a_link_for_it_is_ours(top: Path) -> None:
    (top.parent / "also").symlink_to(top)
    assert directory.read(top.parent / "also", "a/b/file") == b"in"


def test_a_walk_comes_to_every_directory_but_those_left_out(top: Path) -> None:
    with directory.descriptor(top) as handle:
        found = {path: sorted(names) for path, _, names in directory.walk(handle, lambda path: path == "a/out")}
        assert found == {"": ["a", "pipe"], "a": ["b", "back"], "a/b": ["file"]}
        assert [path for path, _, _ in directory.walk(handle, lambda path: path == "a")] == [""]


@pytest.mark.all
def test_a_walk_is_as_deep_as_it_gets_and_so_is_what_is_removed(tmp_path: Path) -> None:
    """Deeper than Python calls functions, and than a process has descriptors, or a path characters."""
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("dd", dir_fd=handle)
        below = os.open("dd", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    before = open_descriptors()
    try:
        with directory.descriptor(tmp_path) as handle:
            assert sum(1 for _ in directory.walk(handle, lambda path: False)) == 1101
            directory.remove("dd", handle)
        assert os.listdir(tmp_path) == []
        assert open_descriptors() == before
    finally:  # pytest's own way to remove it is not made for that
        subprocess.run(["rm", "-rf", tmp_path / "dd"], check=True)


def test_removing_a_link_leaves_what_it_leads_to(top: Path) -> None:
    with directory.descriptor(top, "a") as place:
        for name in ("out", "b", "nothing"):
            directory.remove(name, place)
    assert os.listdir(top / "a") == ["back"]
    assert (top.parent / "out/file").read_text() == "out"


# ---- while an account exchanges them


def read_by_path(node: Path, paths: Paths) -> None:
    """Not ours: it shows that the attempt succeeds where somebody is careless."""
    found = (paths.etc / "haproxy/theirs/d/key").read_bytes()
    assert found != SECRET


def scan(node: Path, paths: Paths) -> None:
    entry = manifest.scan(paths.etc, named=Path("/etc")).get("/etc/haproxy/theirs/d/key")
    assert entry is None or entry.digest != native.bytes_digest(SECRET)


def read_service(node: Path, paths: Paths) -> None:
    found = content.read(SERVICE, None, root=node)
    content.sha256(found, SERVICE, top=paths.etc / "haproxy")
    assert native.bytes_digest(SECRET) not in [entry.digest for entry in found.entries.values()]


def capture(node: Path, paths: Paths) -> None:
    draft = capturing.capture(snapshot.read_base(rules.load_tolerant(paths), paths), paths)
    assert SECRET not in draft.contents.values()


def differ(node: Path, paths: Paths) -> None:
    found = changes.differences(None, paths=paths)
    assert SECRET.decode() not in "".join(one.text for one in found)


def copy(node: Path, paths: Paths) -> None:
    directories.remove(node / "copy")
    directories.copy(paths.etc / "haproxy", node / "copy")
    assert SECRET not in [path.read_bytes() for path in (node / "copy").rglob("key") if path.is_file()]


def roll_back(node: Path, paths: Paths) -> None:
    for number in (1, 2):
        with suppress(Failure):
            restore.roll_back(number, who="tester", paths=paths)


def remove(node: Path, paths: Paths) -> None:
    with directory.parent(paths.etc, "haproxy/theirs/d") as (place, name):
        directory.remove(name, place)
        os.mkdir(name, dir_fd=place)
        with directory.descriptor(place, name) as handle, suppress(OSError):
            os.close(directory.create_file("key", handle))


ACTS = (scan, read_service, capture, differ, copy, remove, roll_back)


def try_for(seconds: float, act: Callable[[Path, Paths], None], node: Path) -> None:
    """Do it as long as that while the directory in /etc is exchanged for a link to one of root's own."""
    paths = directory_node.make(node)
    secret = node / "secret/key"
    theirs = paths.etc / "haproxy/theirs"
    directory_node.write(secret, SECRET, 0o600)
    for text in ("one", "two"):
        directory_node.write(theirs / "d/key", text, 0o640)
        os.chown(theirs / "d/key", exchanger.ACCOUNT, exchanger.ACCOUNT)
        os.chown(theirs, exchanger.ACCOUNT, exchanger.ACCOUNT)
        os.chown(theirs / "d", exchanger.ACCOUNT, exchanger.ACCOUNT)
        directory_node.save(paths)
    before = directory_node.identity(secret)
    with exchanger.exchange_for_link(theirs / "d", secret.parent):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(Failure, OSError):
                act(node, paths)
            assert secret.exists()
            assert directory_node.identity(secret) == before
            assert os.listdir(secret.parent) == ["key"]
    assert secret.read_bytes() == SECRET


@pytest.mark.root
def test_a_careless_reader_is_led_astray(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        try_for(10, read_by_path, tmp_path)


@pytest.mark.root
@pytest.mark.parametrize("act", ACTS)
def test_nobody_is_led_astray_for_a_second(act: Callable[[Path, Paths], None], tmp_path: Path) -> None:
    try_for(1, act, tmp_path)


@pytest.mark.all
@pytest.mark.root
@pytest.mark.parametrize("act", ACTS)
def test_nobody_is_led_astray_for_long(act: Callable[[Path, Paths], None], tmp_path: Path) -> None:
    try_for(30, act, tmp_path)
