"""Texts replace exactly what was opened, bytes come and go as streams, and nobody leads root's writing elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path

import exchanger
import pytest
from deadline import within

from firmware.errors import Failure, Refused, Usage
from firmware.operations.files import browse, content, place
from firmware.sync import audit
from firmware.sync.audit import Who

ALICE = Who("alice", "192.0.2.7", "web")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A root directory of a test, with its trail beside it."""
    (tmp_path / "top/etc").mkdir(parents=True)
    return tmp_path / "top"


def write(top: Path, path: str, text: str, digest: str | None) -> content.FileWritten:
    return content.write_text(path, text, digest, who=ALICE, top=top, trail=top.parent / "trail")


def receive(top: Path, path: str, pieces: "Iterator[bytes]", replace: bool = False) -> content.FileWritten:
    return content.receive(path, pieces, replace=replace, who=ALICE, top=top, trail=top.parent / "trail")


def digest(top: Path, path: str) -> str | None:
    return browse.view(path, top=top).digest


def test_what_was_opened_is_replaced_and_stays_whose_it_was(top: Path) -> None:
    file = top / "etc/file"
    file.write_text("old")
    file.chmod(0o640)
    written = write(top, "/etc/file", "new\n", digest(top, "/etc/file"))
    assert (file.read_text(), file.stat().st_mode & 0o7777) == ("new\n", 0o640)
    assert written.digest == digest(top, "/etc/file") and os.listdir(top / "etc") == ["file"]


def test_the_second_of_two_operators_is_told(top: Path) -> None:
    (top / "etc/file").write_text("old")
    opened = digest(top, "/etc/file")
    write(top, "/etc/file", "of the first", opened)
    with pytest.raises(Refused, match="it has changed since it was opened"):
        write(top, "/etc/file", "of the second", opened)
    assert (top / "etc/file").read_text() == "of the first"
    (top / "etc/file").unlink()
    with pytest.raises(Refused, match="it is gone since it was opened"):
        write(top, "/etc/file", "of the second", opened)
    assert write(top, "/etc/file", "of the second", None).size == 13


def test_a_new_file_does_not_replace_one(top: Path) -> None:
    assert write(top, "/etc/new", "1", None).path == "/etc/new"
    with pytest.raises(Refused, match="it exists already"):
        write(top, "/etc/new", "2", None)
    assert (top / "etc/new").read_text() == "1"


def test_what_is_written_is_noted_and_its_text_is_not(top: Path) -> None:
    write(top, "/etc/file", "secret text", None)
    (line,) = audit.read(top.parent / "trail").entries
    assert (line["event"], line["who"], line["files"]) == ("file written", "alice", ["/etc/file"])
    assert line["after"].startswith("sha256:") and "secret text" not in str(line)


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_only_a_file_is_replaced(top: Path, kind: str) -> None:
    (top / "out").write_text("outside")
    os.mkfifo(top / "etc/fifo")
    (top / "etc/link").symlink_to(top / "out")
    (top / "etc/directory").mkdir()
    with within(5):
        for replace in (True, False):
            with pytest.raises(Refused, match=f"/etc/{kind}: it is a {kind}, not a file"):
                receive(top, f"/etc/{kind}", iter([b"x"]), replace)
        with pytest.raises(Refused, match=f"/etc/{kind}: it is a {kind}, not a file"):
            write(top, f"/etc/{kind}", "x", None)
        with pytest.raises(Refused, match=f"/etc/{kind}: it is a {kind}, not a file"):
            content.send(f"/etc/{kind}", top=top)
    assert (top / "out").read_text() == "outside"


def test_an_upload_has_its_name_once_all_of_it_is_there(top: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a" * 1000
        assert [name for name in os.listdir(top / "etc") if not name.startswith(".firmware-")] == []
        yield b"b" * 1000

    assert receive(top, "/etc/upload", pieces()).size == 2000
    assert (top / "etc/upload").read_bytes() == b"a" * 1000 + b"b" * 1000 and os.listdir(top / "etc") == ["upload"]


def test_an_upload_that_breaks_off_leaves_nothing(top: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise Failure("the connection ended")

    (top / "etc/there").write_text("whole")
    for name in ("upload", "there"):
        with pytest.raises(Failure, match="the connection ended"):
            receive(top, f"/etc/{name}", pieces(), replace=True)
    assert os.listdir(top / "etc") == ["there"] and (top / "etc/there").read_text() == "whole"


def test_files_without_a_name_are_not_needed(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_RDWR, raising=False)
    receive(top, "/etc/upload", iter([b"x"]))
    receive(top, "/etc/upload", iter([b"y"]), replace=True)
    assert os.listdir(top / "etc") == ["upload"] and (top / "etc/upload").read_bytes() == b"y"


def test_an_upload_of_more_than_there_is_room_for_ends_early(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    monkeypatch.setattr(place, "_available_memory", lambda: (24 << 20) - sent)
    with pytest.raises(Failure, match="/etc/upload: there is no room for it"):
        receive(top, "/etc/upload", pieces())
    assert sent <= 16 << 20 and os.listdir(top / "etc") == []


def test_a_private_key_is_not_for_everybody(top: Path) -> None:
    receive(top, "/etc/key", iter([b"-----BEGIN PRIVATE KEY-----\n"]))
    receive(top, "/etc/page", iter([b"<html>"]))
    assert [(top / "etc" / name).stat().st_mode & 0o777 for name in ("key", "page")] == [0o600, 0o644]


def test_a_download_ends_although_the_file_grows(top: Path) -> None:
    with open(top / "etc/log", "wb") as file:
        file.write(b"1" * 300_000)
        file.flush()
        found = content.send("/etc/log", top=top)
        first = next(found.pieces)
        file.write(b"2" * 300_000)
        file.flush()
        rest = b"".join(found.pieces)
    assert (found.name, found.size, first + rest) == ("log", 300_000, b"1" * 300_000)


def test_nothing_of_the_kernel_is_written() -> None:
    for act in (
        lambda: content.write_text("/proc/sys/kernel/hostname", "x", None, who=ALICE),
        lambda: content.receive("/sys/new", iter([b"x"]), replace=False, who=ALICE),
    ):
        with pytest.raises(Refused, match="it shows the kernel"):
            act()


def test_what_no_editor_writes_is_wrong_usage(top: Path) -> None:
    with pytest.raises(Usage, match="more than 1 MiB of text"):
        write(top, "/etc/file", "x" * ((1 << 20) + 1), None)
    with pytest.raises(Usage, match="not text"):
        write(top, "/etc/file", "\ud800", None)
    assert os.listdir(top / "etc") == []


@pytest.mark.root
def test_who_exchanges_a_directory_for_a_link_leads_nobody_out_of_it(top: Path) -> None:
    """The same names, outside: they stay what they are, and what is read is never theirs."""
    for place_ in (top / "etc/own/work", top / "out"):
        place_.mkdir(parents=True)
        (place_ / "file").write_text("inside" if place_.name == "work" else "outside")
    (top / "etc/own").chmod(0o755)
    refused = done = 0
    with exchanger.exchange_for_link(top / "etc/own/work", top / "out"):
        for number in range(20_000):  # until enough of either has been seen
            try:
                if number % 3 == 0:
                    assert browse.view("/etc/own/work/file", top=top).text != "outside"
                elif number % 3 == 1:
                    receive(top, f"/etc/own/work/new{number}", iter([b"x"]))
                else:
                    receive(top, "/etc/own/work/file", iter([b"inside"]), replace=True)
                done += 1
            except Failure:
                refused += 1
            if number >= 900 and done and refused:
                break
    assert done and refused
    assert os.listdir(top / "out") == ["file"] and (top / "out/file").read_text() == "outside"
