"""What differs between two files: what is made of it is the new file; what is none is refused, and bounded whoever made it."""

import contextlib
import os
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import files, rsync
from firmware.errors import Failure
from firmware.files import OpenFile


def file_of(data: bytes) -> OpenFile:
    made = files.memory_file("test")
    files.write_all(made.handle, data)
    os.lseek(made.handle, 0, os.SEEK_SET)
    return made


def content(file: OpenFile) -> bytes:
    return os.pread(file.handle, os.fstat(file.handle).st_size, 0)


def signature(old: bytes) -> bytes:
    made, file = files.memory_file("signature"), file_of(old)
    rsync.write_signature(file.handle, made.handle)
    return content(made)


def delta(old: bytes, new: bytes) -> bytes:
    made, sums, file = files.memory_file("delta"), file_of(signature(old)), file_of(new)
    rsync.write_delta(sums.handle, file.handle, made.handle)
    return content(made)


def patched(old: bytes, by: bytes, most: int = 1 << 24) -> bytes:
    made, file, delta_file = files.memory_file("new"), file_of(old), file_of(by)
    rsync.patch(file.handle, delta_file.handle, made.handle, most)
    return content(made)


LINES = b"".join(b"10.%d.%d.%d backend%d\n" % (n >> 16, n >> 8 & 255, n & 255, n % 13) for n in range(60_000))


def test_three_lines_in_a_large_file_are_a_small_delta() -> None:
    new = LINES[:99_999] + b"one\n" + LINES[99_999:700_000] + b"two\n" + LINES[700_000:] + b"three\n"
    made = delta(LINES, new)
    assert len(signature(LINES)) < len(LINES) / 90 and len(made) < len(LINES) / 100
    assert patched(LINES, made, len(new)) == new


PARTS = st.lists(
    st.sampled_from([b"", b"a" * 70_000, random.Random(1).randbytes(300_000), LINES[:100_000], b"x"]), max_size=4
)


@settings(max_examples=20)
@given(PARTS, PARTS)
def test_any_file_becomes_any_other(old: list[bytes], new: list[bytes]) -> None:
    before, after = b"".join(old), b"".join(new)
    assert patched(before, delta(before, after), len(after)) == after


def test_a_delta_that_makes_more_than_it_may_is_stopped() -> None:
    """A few bytes that copy the old file ten thousand times."""
    copy = b"\x4f" + struct.pack(">II", 0, len(LINES))  # RS_OP_COPY_N4_N4
    bomb = struct.pack(">I", 0x72730236) + copy * 10_000 + b"\0"
    assert patched(LINES, bomb[:4] + copy * 2 + b"\0") == LINES * 2
    made, file, delta_file = files.memory_file("new"), file_of(LINES), file_of(bomb)
    with pytest.raises(Failure, match="File too large"):
        rsync.patch(file.handle, delta_file.handle, made.handle, 1 << 20)
    assert os.fstat(made.handle).st_size <= 1 << 20


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: struct.pack(">I", 0x72730236) + data))
def test_what_is_no_delta_is_refused_or_bounded(data: bytes) -> None:
    with contextlib.suppress(Failure):
        assert len(patched(b"old file" * 100, data, 5000)) <= 5000


@given(st.binary(max_size=60))
def test_what_is_no_signature_is_refused(data: bytes) -> None:
    made, sums, new = files.memory_file("delta"), file_of(data), file_of(b"new")
    with pytest.raises(Failure, match="cannot be made or understood"):
        rsync.write_delta(sums.handle, new.handle, made.handle)


def test_an_old_file_that_is_shorter_than_the_delta_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure):
        patched(LINES[:1000], delta(LINES, LINES + b"more"))


def test_nothing_of_that_is_said_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failure):
        patched(b"", b"no delta at all")
    assert capfd.readouterr() == ("", "")
