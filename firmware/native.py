"""The C part as Python: digests of files (XXH3-128 through libxxhash), the exchange of two names, and free memory that goes
back to the system.
"""

import os
from pathlib import Path

from firmware._native import ffi, lib


def file_digest(handle: int) -> tuple[str, int]:
    """The digest "xxh3-128:HEX" of an open file from where it stands to its end, and how many bytes that were."""
    digest, size = ffi.new("unsigned char[16]"), ffi.new("uint64_t *")
    error = lib.native_hash_fd(handle, digest, size)
    if error:
        raise OSError(error, os.strerror(error))
    return "xxh3-128:" + bytes(digest).hex(), int(size[0])


def bytes_digest(data: bytes | memoryview) -> str:
    """The digest "xxh3-128:HEX" of bytes in memory."""
    digest = ffi.new("unsigned char[16]")
    lib.native_hash_bytes(ffi.from_buffer(data), len(data), digest)
    return "xxh3-128:" + bytes(digest).hex()


def exchange(one: Path | str, other: Path | str, *, one_dir: int = -1, other_dir: int = -1) -> None:
    """Swap two names on one file system as one step: nobody ever sees neither or a mixture.

    Each may be a name in an open directory, as in os.rename with `src_dir_fd` and `dst_dir_fd`.
    """
    error = lib.native_exchange(one_dir, os.fsencode(one), other_dir, os.fsencode(other))
    if error:
        raise OSError(error, os.strerror(error), str(one), None, str(other))


def trim_heap() -> None:
    """Give memory that nothing is in any more back to the system. It takes some milliseconds."""
    lib.native_trim_heap()
