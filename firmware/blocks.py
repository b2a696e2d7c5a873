"""Blocks: bytes that are compressed where that pays, in pieces of one size, so that any part can be read again alone.

Each block is four bytes, the highest first, and what they announce: the highest bit says that it is deflated (zlib, without a
head), the next one that it is a frame of zstd, the others how many bytes follow. All but the last become SIZE bytes, the last one
to SIZE. So where something lies is known without unpacking what lies before it, and no block becomes more than SIZE, whoever made
it.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from firmware.errors import Failure
from firmware.files import OpenFile

#: bytes of a block before it is compressed
SIZE = 1 << 17
#: how blocks are compressed: with zlib for a peer that does not say that it takes zstd. All take both.
DEFLATE, ZSTD = "deflate", "zstd"
#: how much zlib tries: docs/measured.md compares the levels
LEVEL = 6
#: a block stays as it is unless it becomes smaller than this share of itself
WORTH = 0.9
#: blocks that are not tried after one that did not pay: what is compressed already comes in a row
NOT_TRIED = 7

#: blocks that are taken at once: each takes memory, however little it becomes, and may be five bytes long
MOST = 1280

#: the media type of a body that is made of blocks
TYPE = "application/vnd.csyncd.blocks"

_HEAD = struct.Struct(">I")
_DEFLATED, _ZSTD = 1 << 31, 1 << 30
_LENGTH = _ZSTD - 1
_RAW_WINDOW = -15


def encode(pieces: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Bytes, however they are cut, as blocks, compressed by DEFLATE or ZSTD."""
    held, skipped = bytearray(), 0
    for piece in pieces:
        held += piece
        while len(held) >= SIZE:
            block, skipped = _encode_block(bytes(held[:SIZE]), skipped, compression)
            del held[:SIZE]
            yield block
    if held:
        yield _encode_block(bytes(held), 0, compression)[0]


def _encode_block(data: bytes, skipped: int, compression: str) -> tuple[bytes, int]:
    """A block, and how many of the next ones need not be tried."""
    if skipped:
        return _HEAD.pack(len(data)) + data, skipped - 1
    small, flag = (_zstd(data), _ZSTD) if compression == ZSTD else (_deflate(data), _DEFLATED)
    if not small or len(small) > len(data) * WORTH:
        return _HEAD.pack(len(data)) + data, NOT_TRIED
    return _HEAD.pack(len(small) | flag) + small, 0


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW_WINDOW)
    return packer.compress(data) + packer.flush()


def _zstd(data: bytes) -> bytes:
    """b"" where it does not pay."""
    from firmware import zstd  # not before it is needed: it loads libzstd

    return zstd.pack(data, int(len(data) * WORTH))


class Blocks:
    """The blocks in an open file, from its beginning to its end, which may be closed meanwhile. Failure for what are none.
    The block that was read last is kept: to read what lies one after the other unpacks each once."""

    def __init__(self, handle: int) -> None:
        self._file = OpenFile(os.dup(handle))
        self._places = list(islice(_places(handle), MOST + 1))
        if len(self._places) > MOST:
            raise Failure(f"the message: more than {MOST} blocks")
        self._number, self._kept, self._last = -1, b"", len(self._places) - 1
        #: bytes that all of them become
        self.size = self._last * SIZE + len(self._block(self._last)) if self._places else 0

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from there. Failure if there are fewer."""
        return b"".join(self.pieces(start, size))

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        """The same, none of them longer than SIZE."""
        if start < 0 or size < 0 or start + size > self.size:
            raise Failure("the message: it ends before what it announces")
        while size:
            number, skipped = divmod(start, SIZE)
            piece = self._block(number)[skipped : skipped + size]
            yield piece
            start, size = start + len(piece), size - len(piece)

    def cut(self, start: int) -> None:
        """What begins there is not needed any more: the memory of whole blocks of it is given up."""
        number = -(-start // SIZE)
        if number < len(self._places):
            os.ftruncate(self._file.handle, self._places[number][0])
            del self._places[number:]
            self.size = min(self.size, number * SIZE)

    def _block(self, number: int) -> bytes:
        if number != self._number:
            place, size, compression = self._places[number]
            data = os.pread(self._file.handle, size, place)
            self._kept, self._number = _UNPACK[compression](data), number
            if not self._kept or (number != self._last and len(self._kept) != SIZE):
                raise Failure("the message: a block of it is not as long as it has to be")
        return self._kept


def _places(handle: int) -> Iterator[tuple[int, int, int]]:
    """Of each block where its bytes begin, how many they are, and how they are compressed: a key of _UNPACK."""
    at, end = 0, os.fstat(handle).st_size
    while at < end:
        head = os.pread(handle, _HEAD.size, at)
        number = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else 0
        compression, size, at = number & ~_LENGTH, number & _LENGTH, at + _HEAD.size
        if not 0 < size <= SIZE or at + size > end or compression not in _UNPACK:
            raise Failure("the message: it is not made of blocks")
        yield at, size, compression
        at += size


def _inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(_RAW_WINDOW)
    try:
        found = unpacker.decompress(data, SIZE + 1)
    except zlib.error:
        raise Failure("the message: a block of it cannot be unpacked") from None
    if len(found) > SIZE or not unpacker.eof or unpacker.unused_data:
        raise Failure("the message: a block of it becomes more than it may")
    return found


def _unpack_zstd(data: bytes) -> bytes:
    from firmware import zstd

    return zstd.unpack(data, SIZE)


_UNPACK: dict[int, Callable[[bytes], bytes]] = {0: lambda data: data, _DEFLATED: _inflate, _ZSTD: _unpack_zstd}
