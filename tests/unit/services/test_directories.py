"""Trees are copied whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from firmware import manifest, native
from firmware.errors import Failure
from firmware.rc import document
from firmware.services import applied, directories
from firmware.services.definition import Context, Service

SERVICE = Service("haproxy", "", owns="/etc/haproxy")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    top = tmp_path / "etc/haproxy"
    (top / "a/b").mkdir(parents=True)
    (top / "a/b/file").write_text("x")
    (top / "a/link").symlink_to("b")
    os.mkfifo(top / "pipe")
    (top / "a/b").chmod(0o550)
    os.utime(top / "a", (1000, 2000))
    return top


def fail_copying(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(native, "copy_names", fail)


def test_a_copy_has_everything_with_its_time(source: Path, tmp_path: Path) -> None:
    directories.copy(source, tmp_path / "copy")
    assert manifest.scan(tmp_path / "copy", named=source) == manifest.scan(source)
    assert (tmp_path / "copy/a").stat().st_mtime == 2000
    assert (tmp_path / "copy").stat().st_mode == source.stat().st_mode


def test_of_a_twin_files_are_not_copied_and_what_it_lacks_is(source: Path, tmp_path: Path) -> None:
    (source / "a/b/other").write_text("y")
    directories.copy(source, tmp_path / "twin")
    (tmp_path / "twin/a/b/other").unlink()
    twin = directories.Twin(tmp_path / "twin", {"a/b/file", "a/b/other", "elsewhere"})
    directories.copy(source, tmp_path / "copy", twin=twin)
    assert manifest.scan(tmp_path / "copy", named=source) == manifest.scan(source)
    assert (tmp_path / "copy/a/b/file").samefile(tmp_path / "twin/a/b/file")
    assert not (tmp_path / "copy/a/b/other").samefile(source / "a/b/other")
    directories.copy(source, tmp_path / "alone", twin=directories.Twin(tmp_path / "none", {"a/b/file"}))
    assert manifest.scan(tmp_path / "alone", named=source) == manifest.scan(source)


def test_nothing_stays_of_a_copy_that_failed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_copying(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        directories.copy(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_is_exchanged_meanwhile_is_said(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_copying(monkeypatch, NotADirectoryError(errno.ENOTDIR, "Not a directory"))
    with pytest.raises(Failure, match=f"{source}: it changes while it is being copied"):
        directories.copy(source, tmp_path / "copy")


def test_nothing_stays_of_a_snapshot_that_failed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in memory, and its next try would not fit either."""
    config = document.parse("service haproxy\n")
    context = Context.of(SERVICE, config.blocks[0], config)
    applied.mark_applied(SERVICE, context, top=tmp_path / "applied", root=tmp_path)
    fail_copying(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        applied.take_snapshot(SERVICE, context, top=tmp_path / "applied", root=tmp_path)
    assert os.listdir(tmp_path / "applied") == ["haproxy"]
    assert applied.digest("haproxy", top=tmp_path / "applied")


def test_an_error_names_the_whole_path(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(names: list[str], *_: int) -> None:
        if names:
            raise OSError(errno.ENOSPC, "No space left on device", names[-1])

    target = tmp_path / "target"
    with monkeypatch.context() as full, pytest.raises(OSError) as caught:
        full.setattr(native, "copy_names", fail)
        directories.copy(source, target)
    assert caught.value.filename in {f"{target}/{path.relative_to(source)}" for path in source.rglob("*")}
    monkeypatch.setattr(native, "remove_names", fail)
    with pytest.raises(OSError) as caught:
        directories.remove(source)
    assert caught.value.filename in map(str, source.rglob("*"))
