"""What differs between two versions of a file, by rsync's algorithm (librsync), from one open file to another.

A signature takes 4 % of a file of 64 KiB and 0.2 % of one of 50 MB. With it alone a delta is made, which makes the new file of
the old one. A signature is the node's own. A delta comes from elsewhere and is not believed: what it makes is bounded, and
whoever has it compares the digest.
"""

import errno
import os

from firmware._native_rsync import lib
from firmware.errors import Failure


def write_signature(old: int, signature: int) -> None:
    """The signature of a file, from where each of both stands."""
    _require_done(lib.native_rsync_signature(old, os.fstat(old).st_size, signature))


def write_delta(signature: int, new: int, delta: int, most: int = -1) -> bool:
    """What makes the new file of the one that the signature is of. False, with a part of it written, if it would be more than
    `most` bytes, unless that is negative."""
    result = lib.native_rsync_delta(signature, new, delta, most)
    if result != errno.EFBIG:
        _require_done(result)
    return not result


def patch(old: int, delta: int, new: int, most: int) -> None:
    """Make the new file, of at most so many bytes; Failure for what is no delta to the old one, or makes more."""
    _require_done(lib.native_rsync_patch(old, delta, new, most))


def _require_done(result: int) -> None:
    if result in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(result, os.strerror(result))
    if result:
        why = os.strerror(result) if result > 0 else f"librsync's result {-result}"
        raise Failure(f"what differs in a file: it cannot be made or understood: {why}")
