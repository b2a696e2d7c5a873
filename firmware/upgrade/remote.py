"""A bundle that stays on its server because memory has no room for it: its end comes first, with the signature, then the tree of
digests; then the image goes into the slot as it comes, each block checked before it is written.
"""

import os
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from firmware.errors import Refused
from firmware.upgrade import download, verity
from firmware.upgrade.bundle import MOST_SIGNATURE, OVERHEAD, Bundle, read_manifest
from firmware.upgrade.download import Download
from firmware.upgrade.verity import BLOCK, Verity

#: where the image stands: a bundle of ours is an uncompressed squashfs, whose first file begins after its superblock
AT = 96
_MAGIC = b"hsqs"


def read_end(source: Download) -> bytes:
    """The end of a bundle, with its signature. Failure if it cannot be had."""
    size = min(source.size or 0, MOST_SIGNATURE + BLOCK)
    return download.part(source, (source.size or 0) - size, size)


def write(end: Path, url: str, bundle: Bundle, device: Path, begin: Callable[[], None]) -> None:
    """Write the image of a bundle to a device as it comes; `end` is a file as long as the bundle, of which the end is there.

    Nothing is written, and `begin` not called, before signature, digests and the first block are known to be right. Refused for
    what is not as it was signed; Failure where it cannot be had."""
    source = download.find(url)
    if source.size != end.stat().st_size or not source.sends_parts:
        raise Refused("something else stands at the address of the bundle now", "fetch it anew")
    manifest = read_manifest(end)
    tree = verity.parse_verity(manifest, OVERHEAD)
    blocks = _blocks_of_data(end, tree)
    wanted = -(-(AT + bundle.size) // BLOCK)
    if wanted > blocks:
        raise Refused(f"the image has {bundle.size} bytes, as the manifest says, and the bundle less")
    leaves = verity.leaf_digests(download.part(source, blocks * BLOCK, tree.size), tree, blocks)
    checked = verity.whole_blocks(download.pieces(source, 0, wanted * BLOCK), wanted * BLOCK, leaves, tree)
    first = next(checked)[AT:]
    if not first.startswith(_MAGIC):
        raise Refused("the image does not stand at the beginning of the bundle", "upload it, or copy it to the unit")
    begin()
    _copy(chain([first], checked), bundle.size, device)


def _blocks_of_data(end: Path, tree: Verity) -> int:
    """How many blocks stand before the tree; the signature comes behind it, and the eight bytes that say how long it is."""
    with open(end, "rb") as file:
        size = file.seek(-8, os.SEEK_END) - int.from_bytes(file.read(8), "big") - tree.size
    if size <= 0 or size % BLOCK:
        raise Refused("the bundle has not as many bytes as its manifest says")
    return size // BLOCK


def _copy(pieces: Iterable[bytes], size: int, device: Path) -> None:
    with open(device, "r+b", buffering=0) as file:
        for piece in pieces:
            rest = memoryview(piece)[:size]
            size -= len(rest)
            while rest:
                rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
