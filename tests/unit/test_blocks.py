"""Blocks: what went in comes out, any part of it alone; what is none, or becomes too much, is refused."""

import os
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import blocks, zstd
from firmware.blocks import SIZE, Blocks
from firmware.errors import Failure


@contextmanager
def file_of(data: bytes) -> Iterator[int]:
    handle = os.memfd_create("blocks")
    try:
        os.write(handle, data)
        yield handle
    finally:
        os.close(handle)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def packed(data: bytes) -> bytes:
    return zstd.pack(data, len(data) + 100)


def block(data: bytes, *, is_deflated: bool = False, is_packed: bool = False) -> bytes:
    return struct.pack(">I", len(data) | is_deflated << 31 | is_packed << 30) + data


PART = st.tuples(st.sampled_from([b"", b"a", b"abc\n" * 50_000, os.urandom(SIZE), os.urandom(9), bytes(3 * SIZE)]))


COMPRESSION = st.sampled_from([blocks.DEFLATE, blocks.ZSTD])


@given(st.lists(PART, max_size=6), st.integers(0, 4 * SIZE), st.integers(0, 2 * SIZE), COMPRESSION)
def test_any_part_can_be_read_alone(parts: list[tuple[bytes]], start: int, size: int, compression: str) -> None:
    whole = b"".join(part for (part,) in parts)
    with file_of(b"".join(blocks.encode((part for (part,) in parts), compression))) as handle:
        found = Blocks(handle)
        assert found.size == len(whole) and found.read(0, found.size) == whole
        if start + size <= len(whole):
            assert found.read(start, size) == whole[start : start + size]
        else:
            with pytest.raises(Failure, match="ends before what it announces"):
                found.read(start, size)


@pytest.mark.parametrize("compression", [blocks.DEFLATE, blocks.ZSTD])
def test_what_compresses_becomes_small_and_what_does_not_stays_as_it_is(compression: str) -> None:
    assert sum(map(len, blocks.encode([b"backend one\n" * 100_000], compression))) < 10_000
    noise = os.urandom(20 * SIZE)
    assert sum(map(len, blocks.encode([noise], compression))) == len(noise) + 20 * 4


@pytest.mark.parametrize(
    "data",
    [
        b"x", b"\0\0\0", block(b""), block(b"")[:4] + b"x", struct.pack(">I", 5) + b"1234", struct.pack(">I", 1 << 31),
        struct.pack(">I", SIZE + 1) + bytes(SIZE + 1), block(b"short") + block(b"next"), block(b"no zlib", is_deflated=True),
        block(deflated(b""), is_deflated=True), block(deflated(b"x" * 900)[:-3], is_deflated=True),
        block(packed(b""), is_packed=True), block(packed(b"x" * 900)[:-3], is_packed=True), block(b"no zstd", is_packed=True),
        block(packed(b"x") + b"more", is_packed=True), block(packed(b"one"), is_packed=True) + block(bytes(SIZE)),
        block(packed(b"x") * 2, is_packed=True), block(b"both", is_deflated=True, is_packed=True),
        block(deflated(b"x") + b"more", is_deflated=True), block(deflated(b"one"), is_deflated=True) + block(bytes(SIZE)),
    ],
)  # fmt: skip
def test_what_are_no_blocks_is_refused(data: bytes) -> None:
    with file_of(data) as handle, pytest.raises(Failure, match=r"^the message: "):
        found = Blocks(handle)
        found.read(0, found.size)


@pytest.mark.parametrize("compression", [blocks.DEFLATE, blocks.ZSTD])
def test_a_bomb_takes_no_more_than_a_block(compression: str) -> None:
    with_zstd = compression == blocks.ZSTD
    bomb = (packed if with_zstd else deflated)(bytes(1 << 26))
    assert len(bomb) <= SIZE
    with file_of(block(bomb, is_deflated=not with_zstd, is_packed=with_zstd)) as handle:
        tracemalloc.start()
        try:
            with pytest.raises(Failure, match="becomes more than it may"):
                Blocks(handle)
            assert tracemalloc.get_traced_memory()[1] < 4 * SIZE
        finally:
            tracemalloc.stop()


@given(st.binary(max_size=200))
def test_any_bytes_are_blocks_or_refused(data: bytes) -> None:
    with file_of(data) as handle:
        try:
            found = Blocks(handle)
            assert found.size <= SIZE * 50 and len(found.read(0, found.size)) == found.size
        except Failure:
            pass


def test_a_block_in_the_middle_is_whole_though_nothing_behind_it_is_kept() -> None:
    short = block(deflated(b"x"), is_deflated=True)
    with file_of(block(os.urandom(SIZE)) + short + block(b"end")) as handle:
        found = Blocks(handle)
        found.cut(2 * SIZE)
        with pytest.raises(Failure, match="not as long as it has to be"):
            list(found.pieces(SIZE - 10, 100))
