"""What is saved: the words that name a generation, files of archives, who the history names."""

import errno
from io import BytesIO
from pathlib import Path

import pytest

from firmware import files
from firmware.errors import Failure, Refused, Usage
from firmware.manifest import Entry
from firmware.native import bytes_digest
from firmware.operations import saved_config
from firmware.operations.saved_config import ExportedConfig
from firmware.store import archive
from firmware.store.archive import Draft, Label
from firmware.store.archive.item import Item
from firmware.sync import audit
from firmware.sync.audit import Who

EXPORTED = ExportedConfig(3, "sha256:00", b"data", 0)


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What is in the trail, and not in that of this machine."""
    lines: list[tuple[str, object]] = []
    monkeypatch.setattr(audit, "note", lambda event, *, result, **_: lines.append((event, result)))
    return lines


@pytest.mark.parametrize("word", ["0", "-1", "1.0", "", "saved", "1000000000", "9" * 5000, "٣"])
def test_what_is_no_number_of_a_generation(word: str) -> None:
    with pytest.raises(Usage, match="it is the number of a generation"):
        saved_config.parse_generation(word)


def test_what_is_compared_may_be_named_by_word_and_the_error_says_so() -> None:
    with pytest.raises(Usage, match=r"^'x': it is saved, factory or the number of a generation$"):
        saved_config.diff("x")


def test_an_archive_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    saved_config.write_archive(EXPORTED, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"data" and (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert saved_config.read_archive(tmp_path / "a") == b"data"


def test_files_that_are_none_are_failures_with_their_names(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="it is a directory"):
        saved_config.write_archive(EXPORTED, tmp_path)
    with pytest.raises(Failure, match=f"{tmp_path}/none: No such file or directory"):
        saved_config.read_archive(tmp_path / "none")
    with pytest.raises(Failure, match=f"{tmp_path}/no/file: No such file or directory"):
        saved_config.write_archive(EXPORTED, tmp_path / "no/file")


def test_a_full_directory_is_named_and_a_device_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/else")

    monkeypatch.setattr(files, "write", fail)
    with pytest.raises(Failure, match=f"^{tmp_path}/a: No space left on device$") as caught:
        saved_config.write_archive(EXPORTED, tmp_path / "a")
    assert caught.value.hint == f"4 bytes are needed there: df {tmp_path}"
    with pytest.raises(Failure, match=r"^/dev/full: it is not a file$") as caught:
        saved_config.write_archive(EXPORTED, Path("/dev/full"))
    assert caught.value.hint == "config export - >/dev/full"


@pytest.mark.parametrize("passphrase", [None, "correct horse battery"])
def test_what_no_node_would_take_is_not_exported(monkeypatch: pytest.MonkeyPatch, passphrase: str | None) -> None:
    """Its operator would find that out when he needs it."""
    entry = Entry("/etc/own/two", "file", 0o4755, "root", "root", 1, bytes_digest(b"x"))
    draft = Draft({entry.path: Item(entry, 0, 0, 0, "")}, {entry.path: b"x"}, ())
    saved = archive.parse(archive.build(Label(1, "2026-01-01T00:00:00Z", "", "1", "x"), draft))
    monkeypatch.setattr(saved_config.generations, "load_current", lambda: saved)
    with pytest.raises(Refused, match="/etc/own/two: mode 4755: set-uid") as raised:
        saved_config.export(passphrase)
    assert raised.value.hint.endswith("chmod ug-s,-t /etc/own/two; config save")


@pytest.mark.parametrize("data", [b"", b"junk" * 5000])
def test_what_is_no_archive_is_refused_by_its_name(data: bytes, noted: list[tuple[str, object]]) -> None:
    with pytest.raises(Refused, match=r"^/tmp/junk: not a configuration that can be taken: ") as caught:
        saved_config.import_archive(data, who=Who("root"), name="/tmp/junk")
    assert caught.value.hint and noted == [("import", "refused")]


def test_no_more_is_read_than_an_archive_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_config, "ARCHIVE_LIMIT", 10)
    assert saved_config.read_archive(Path("-"), BytesIO(bytes(100))) == bytes(11)


def test_a_message_that_is_too_long_is_refused_before_anything_is_saved() -> None:
    with pytest.raises(Usage, match="more than 500 characters"):
        saved_config.save("x" * 501, who=Who("root"))
