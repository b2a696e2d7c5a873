"""The C part: XXH3-128 as everybody else computes it, errors as errno, and two names swapped in one step."""

import os
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from firmware import native


def of_file(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return native.file_digest(file.fileno())


def test_the_empty_digest_is_the_published_one() -> None:
    assert native.bytes_digest(b"") == "xxh3-128:99aa06d3014798d86001c324468d497f"


@given(st.binary(max_size=2000))
def test_bytes_agree_with_another_binding(data: bytes) -> None:
    assert native.bytes_digest(data) == "xxh3-128:" + xxhash.xxh3_128_hexdigest(data)


@pytest.mark.parametrize("size", [0, 1, 240, 241, 65535, 65536, 65537, 3_000_000])
def test_a_file_has_its_bytes_digest(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "f").write_bytes(data)
    assert of_file(tmp_path / "f") == (native.bytes_digest(data), size)


def test_what_cannot_be_read_is_an_os_error(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        native.file_digest(handle)
    os.close(handle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        native.file_digest(handle)


def test_exchange_swaps_directories_and_says_why_it_cannot(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    native.exchange(tmp_path / "one", tmp_path / "other")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["other"]
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["one"]
    with pytest.raises(FileNotFoundError):
        native.exchange(tmp_path / "one", tmp_path / "none")
    assert (tmp_path / "one" / "other").exists()


def test_exchange_takes_names_in_open_directories(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    handles = [os.open(tmp_path / name, os.O_RDONLY) for name in ("one", "other")]
    (tmp_path / "one").rename(tmp_path / "moved")
    native.exchange("one", "other", one_dir=handles[0], other_dir=handles[1])
    native.exchange("one", tmp_path / "other/other", one_dir=handles[0])
    native.exchange("one", "other", one_dir=handles[0], other_dir=handles[1])
    for handle in handles:
        os.close(handle)
    assert (tmp_path / "moved/one").read_text() == "other"
    assert (tmp_path / "other/other").read_text() == "one"


def test_exchange_takes_names_that_are_not_text(tmp_path: Path) -> None:
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n"))
    strange.write_text("a")
    (tmp_path / "b").write_text("b")
    native.exchange(strange, tmp_path / "b")
    assert strange.read_text() == "b"
