"""The C part: XXH3-128 as everybody else computes it, errors as errno, and two names swapped in one step."""

import errno
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from firmware import native

#: bytes, and the digest in hexadecimal digits (xxHash, cli/xsum_sanity_check.c, seed 0)
VECTORS = Path(__file__).parent / "native/xxh3-128.vectors"


def of_file(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return native.file_digest(file.fileno())


def test_the_empty_digest_is_the_published_one() -> None:
    assert native.bytes_digest(b"") == "xxh3-128:99aa06d3014798d86001c324468d497f"


def known_bytes(size: int) -> bytes:
    """What the vectors of libxxhash's own test are the digests of."""
    made, state = bytearray(), 2654435761
    for _ in range(size):
        made.append(state >> 56)
        state = state * 11400714785074694797 & 0xFFFF_FFFF_FFFF_FFFF
    return bytes(made)


def test_the_vectors_of_libxxhash_hold_for_bytes_files_trees_and_xxhsum(tmp_path: Path) -> None:
    vectors = [line.split() for line in VECTORS.read_text().splitlines()]
    for size, _ in vectors:
        (tmp_path / size).write_bytes(known_bytes(int(size)))
    expected = dict(vectors)
    assert {size: native.bytes_digest(known_bytes(int(size))) for size in expected} == {
        size: f"xxh3-128:{digest}" for size, digest in vectors
    }
    assert {size: of_file(tmp_path / size)[0] for size in expected} == {
        size: f"xxh3-128:{expected[size]}" for size in expected
    }
    handle = os.open(tmp_path, os.O_RDONLY)
    assert {path: row[8].hex() for path, _, row in native.scan_tree(handle, "/")} == expected
    os.close(handle)
    said = subprocess.run(["xxhsum", "-H2", *expected], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1]: line.split()[0] for line in said.splitlines()} == expected


def test_files_of_a_directory_are_read_as_far_as_there_is_room(tmp_path: Path) -> None:
    """Room is for a byte more than they should have, so that more than that shows."""
    contents = {"as expected": b"twelve bytes", "longer": b"thirteen byte", "shorter": b"few", "empty": b""}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "link").symlink_to("longer")
    names = [*contents, "link", "nothing"]
    handle = os.open(tmp_path, os.O_RDONLY)
    *found, link, nothing = native.read_names(names, handle, [13, 13, 13, 1, 13, 13])
    os.close(handle)
    assert [(bytes(one[0]), one[1]) for one in found if not isinstance(one, int)] == [
        (data, native.bytes_digest(data)) for data in contents.values()
    ]
    assert (link, nothing) == (errno.ELOOP, errno.ENOENT)


def test_other_threads_watch_a_scan_and_end_it(tmp_path: Path) -> None:
    (tmp_path / "without end").touch()
    os.truncate(tmp_path / "without end", 1 << 40)
    handle, progress = os.open(tmp_path, os.O_RDONLY), native.Progress()
    with ThreadPoolExecutor(1) as pool:
        scanning = pool.submit(native.scan_tree, handle, "/", progress=progress)
        while progress.bytes < 1 << 20:  # no thread would come to look if the scan held the interpreter
            pass
        progress.cancel()
        with pytest.raises(OSError) as refused:
            scanning.result()
    os.close(handle)
    assert refused.value.errno == errno.ECANCELED and progress.bytes < 1 << 40


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
