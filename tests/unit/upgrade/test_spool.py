"""A bundle in memory: as much as there is room for, and nothing left of what was refused."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import Busy, Refused
from firmware.upgrade import spool
from firmware.upgrade.bundle import Bundle

pytestmark = pytest.mark.root


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(spool, "PLACE", tmp_path / "spool")
    yield tmp_path / "spool"
    spool.discard()


def test_what_has_come_lies_there_until_it_is_discarded(place: Path) -> None:
    path = spool.receive(iter([b"abc", b"def"]), limit=1 << 20)
    assert path.read_bytes() == b"abcdef" and spool.path() == path
    assert os.path.ismount(place) and path.stat().st_mode & 0o777 == 0o600
    spool.receive([b"x"], limit=1 << 20)
    assert path.read_bytes() == b"x"
    spool.discard()
    assert spool.path() is None and not os.path.ismount(place)


@pytest.mark.parametrize("size", [None, 11], ids=["unknown", "promised"])
def test_too_much_is_refused_and_nothing_is_left(size: int | None, place: Path) -> None:
    with pytest.raises(Refused, match="more than any bundle"):
        spool.receive([b"x" * 6, b"x" * 5], limit=10, size=size)
    assert not os.path.ismount(place)


def test_there_must_be_memory_for_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "free_memory", lambda: 10)
    with pytest.raises(Refused, match="10 bytes of memory are free"):
        spool.receive([b"x"], limit=100, size=11)
    with pytest.raises(Refused, match="10 bytes of memory that are free"):
        spool.receive([b"x" * 11], limit=100)
    assert not os.path.ismount(place)


def test_an_error_on_the_way_leaves_nothing(place: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spool.receive(pieces(), limit=100)
    assert not os.path.ismount(place)


def test_free_memory_is_what_the_kernel_says_less_a_reserve(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 999 kB\nMemAvailable:  102400 kB\n")
    assert spool.free_memory(tmp_path / "meminfo") == (100 << 20) - spool.RESERVE


@pytest.fixture
def mounted(place: Path, tmp_path: Path) -> Iterator[Path]:
    """A bundle that waits, and that an installation has mounted which was killed."""
    (tmp_path / "empty").mkdir()
    image = tmp_path / "image"
    subprocess.run(["mksquashfs", tmp_path / "empty", image, "-quiet", "-no-progress"], check=True)
    path = spool.receive([image.read_bytes()], limit=1 << 20)
    spool.note_waiting(Bundle("pc", "1", (1, 1), 1, 9, ""))
    (tmp_path / "bundle").mkdir()
    subprocess.run(["mount", "-o", "loop,ro", path, tmp_path / "bundle"], check=True)
    assert subprocess.run(["umount", place], capture_output=True).returncode  # the control
    yield tmp_path / "bundle"
    spool.discard()


def test_what_an_interrupted_installation_left_mounted_goes_with_the_bundle(mounted: Path, place: Path) -> None:
    spool.discard()
    assert not mounted.exists() and not os.path.ismount(place) and spool.read_waiting().bundle is None


def test_a_bundle_that_is_still_being_read_goes_on_waiting(
    mounted: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "_LET_GO_SECONDS", 0.0)
    reader = os.open(mounted, os.O_RDONLY)
    try:
        with pytest.raises(Busy, match="an installation that was interrupted still reads the bundle"):
            spool.discard()
        assert spool.read_waiting().bundle is not None and spool.path()
    finally:
        os.close(reader)


def test_nothing_waits_where_only_the_note_is_left(place: Path) -> None:
    path = spool.receive([b"x"], limit=10)
    spool.note_waiting(Bundle("pc", "1", (1, 1), 1, 9, ""))
    path.unlink()
    assert spool.read_waiting().bundle is None
