"""What lies at a path is shown; a link is not followed, and nothing that waits or has no end is read to its end."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from deadline import within

from firmware.errors import Failure, Refused
from firmware.operations.files import browse
from firmware.operations.files.browse import FileEntry


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A root directory of a test."""
    (tmp_path / "etc").mkdir()
    return tmp_path


def by_name(top: Path, path: str) -> dict[str, FileEntry]:
    return {entry.name: entry for entry in browse.view(path, top=top).entries or ()}


def test_each_kind_of_thing_is_shown_for_what_it_is(top: Path) -> None:
    (top / "etc/file").write_text("text")
    (top / "etc/directory").mkdir()
    (top / "etc/link").symlink_to("file")
    (top / "etc/nowhere").symlink_to("/not/there")
    (top / "etc/round").symlink_to("round")
    os.mkfifo(top / "etc/fifo")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(top / "etc/socket"))
    entries = by_name(top, "/etc")
    listening.close()
    assert {name: entry.kind for name, entry in entries.items()} == {
        "file": "file", "directory": "directory", "link": "link", "nowhere": "link", "round": "link", "fifo": "fifo",
        "socket": "socket",
    }  # fmt: skip
    assert (entries["link"].target, entries["link"].leads_to) == ("file", str(top / "etc/file"))
    assert (entries["nowhere"].target, entries["nowhere"].leads_to) == ("/not/there", None)
    assert entries["round"].leads_to is None and entries["file"].size == 4


@pytest.mark.parametrize("name", ["fifo", "link"])
def test_only_a_file_is_read(top: Path, name: str) -> None:
    os.mkfifo(top / "etc/fifo")
    (top / "etc/link").symlink_to("/etc/passwd")
    with within(5):
        found = browse.view(f"/etc/{name}", top=top)
    assert (found.kind, found.text, found.digest) == (name, None, None)


def test_a_path_through_a_link_says_where_it_leads(top: Path) -> None:
    (top / "etc/directory").mkdir()
    (top / "etc/directory/file").write_text("text")
    (top / "etc/link").symlink_to("directory")
    with pytest.raises(Refused, match="/etc/link: it is a link to directory") as refused:
        browse.view("/etc/link/file", top=top)
    assert refused.value.hint == f"open {top}/etc/directory/file"
    assert browse.view("/etc/directory/file", top=top).text == "text"


@pytest.mark.parametrize(
    ("data", "reason"), [(b"\x7fELF\0\0", "binary"), (b"caf\xe9", "binary"), (b"x" * (1 << 20) + b"x", "large")]
)
def test_what_no_editor_can_open_is_said(top: Path, data: bytes, reason: str) -> None:
    (top / "etc/file").write_bytes(data)
    found = browse.view("/etc/file", top=top)
    assert (found.text, found.reason, found.size) == (None, reason, len(data))


def test_a_file_of_a_terabyte_takes_no_time(top: Path) -> None:
    with open(top / "etc/sparse", "wb") as file:
        file.truncate(1 << 40)
    with within(5):
        assert browse.view("/etc/sparse", top=top).reason == "large"


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/self/mem", "/proc/self/pagemap", "/proc/sysrq-trigger"])
def test_what_the_kernel_shows_has_an_end(path: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"no {path} here")
    with within(5):
        try:
            assert browse.view(path.replace("self", str(os.getpid()))).text is None
        except Failure as error:
            assert path.rpartition("/")[2] in str(error)


def test_text_of_the_kernel_is_shown_although_it_has_no_size() -> None:
    found = browse.view("/proc/version")
    assert found.size == 0 and found.text and found.text.startswith("Linux")


def test_no_process_is_a_way_around(top: Path) -> None:
    for path in (f"/proc/{os.getpid()}/root/etc/passwd", f"/proc/{os.getpid()}/cwd/x", "/proc/self/status"):
        with pytest.raises(Refused, match="it is a link to"):
            browse.view(path)
    assert browse.view(f"/proc/{os.getpid()}/status").text


def test_a_directory_with_more_names_than_anybody_reads(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "MOST_ENTRIES", 3)
    for name in "edcba":
        (top / "etc" / name).touch()
    found = browse.view("/etc", top=top)
    assert [entry.name for entry in found.entries or ()] == ["a", "b", "c"] and found.more == 2


def test_a_name_with_a_newline_and_a_script_stays_a_name(top: Path) -> None:
    (top / "etc" / "a\n<script>alert(1)</script>".replace("/", "_")).write_text("x")
    (entry,) = by_name(top, "/etc").values()
    assert entry.name == "a\\012<script>alert(1)<_script>"
    assert browse.view(f"/etc/{entry.name}", top=top).text == "x"


def test_what_is_not_there_is_named(top: Path) -> None:
    with pytest.raises(Failure, match="/etc/nothing: No such file"):
        browse.view("/etc/nothing", top=top)
    with pytest.raises(Failure, match="/etc/file: it is no directory"):
        (top / "etc/file").touch()
        browse.view("/etc/file/x", top=top)


@pytest.fixture(autouse=True)
def no_descriptor_is_lost() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)
