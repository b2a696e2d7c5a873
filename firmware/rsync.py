"""What differs between two versions of a file, by rsync's algorithm (librsync), from one open file to another.

A signature is a thousandth of its file. With it alone a delta is made, which makes the new file of the old one. A delta from
elsewhere is not believed: what it makes is bounded, and whoever has it compares the digest.
"""

import os

from firmware._native_rsync import lib
from firmware.errors import Failure


def write_signature(old: int, signature: int) -> None:
    """The signature of a file, from where each of both stands."""
    _require_done(lib.native_rsync_signature(old, os.fstat(old).st_size, signature))


def write_delta(signature: int, new: int, delta: int) -> None:
    """What makes the new file of the one that the signature is of."""
    _require_done(lib.native_rsync_delta(signature, new, delta))


def patch(old: int, delta: int, new: int, most: int) -> None:
    """Make the new file, of at most so many bytes; Failure for what is no delta to the old one, or makes more."""
    _require_done(lib.native_rsync_patch(old, delta, new, most))


def _require_done(result: int) -> None:
    if result:
        why = os.strerror(result) if result > 0 else f"librsync's result {-result}"
        raise Failure(f"what differs in a file: it cannot be made or understood: {why}")
