"""Blocks of bytes that are packed by zstd (libzstd), each by itself. What comes from elsewhere is not believed: what it becomes
is bounded, and so is what has to be kept for that.
"""

import errno
import os

from firmware._native_zstd import ffi, lib
from firmware.errors import Failure


def pack(data: bytes, most: int) -> bytes:
    """The same packed; b"" if that were more than so many bytes."""
    packed = bytearray(most)
    size = lib.native_zstd_pack(ffi.from_buffer(data), len(data), ffi.from_buffer(packed), most)
    if size < 0:
        raise OSError(-size, os.strerror(-size))
    return bytes(memoryview(packed)[:size])


def unpack(packed: bytes, most: int) -> bytes:
    """What was packed; Failure if that becomes more than so many bytes, or is none."""
    data = bytearray(most)
    size = lib.native_zstd_unpack(ffi.from_buffer(packed), len(packed), ffi.from_buffer(data), most)
    if size == -errno.EFBIG:
        raise Failure("the message: a block of it becomes more than it may")
    if size < 0:
        raise Failure("the message: a block of it cannot be unpacked")
    return bytes(memoryview(data)[:size])
