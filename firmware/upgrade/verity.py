"""dm-verity's tree of digests, without the kernel: what a bundle's signature vouches for is checked block by block as it comes.

The manifest in the signature has the digest of the tree's root. The tree stands behind the data, its root first; each of its
blocks holds the digests of 128 blocks of the level below. A digest is SHA-256 over the salt and the block.
"""

import configparser
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware.errors import Refused

BLOCK, DIGEST = 4096, 32
_FAN = BLOCK // DIGEST
_HEX = re.compile(r"(?:[0-9a-f]{2}){32}")


@dataclass(frozen=True, slots=True)
class Verity:
    """What the manifest says of the tree: the digest of its root, the salt, and its size in bytes."""

    root: bytes
    salt: bytes
    size: int


def parse_verity(manifest: str, most: int) -> Verity:
    """The tree of a manifest that `parse_manifest` has taken. Refused if it has more than `most` bytes, or makes no sense."""
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), empty_lines_in_values=False)
    parser.read_string(manifest)
    root, salt, size = (parser["bundle"][f"verity-{name}"] for name in ("hash", "salt", "size"))
    if not _HEX.fullmatch(root) or not _HEX.fullmatch(salt) or not re.fullmatch(r"[1-9]\d{0,14}", size):
        raise Refused("the manifest of the bundle does not say what its blocks are checked with")
    if int(size) > most or int(size) % BLOCK:
        raise Refused(f"the manifest of the bundle claims {size} bytes of digests: more than any bundle for this unit")
    return Verity(bytes.fromhex(root), bytes.fromhex(salt), int(size))


def leaf_digests(tree: bytes, verity: Verity, blocks: int) -> bytes:
    """The digests of all blocks of data, one after the other. Refused unless the tree is the one that the manifest names."""
    counts, left = list[int](), blocks
    while left > 1:
        left = -(-left // _FAN)
        counts.append(left)
    if len(tree) != verity.size or sum(counts) * BLOCK != len(tree):
        raise Refused("the tree of digests is not as large as this bundle's: the bundle is damaged")
    expected, at = verity.root, 0
    for count in reversed(counts):
        level = tree[at : at + count * BLOCK]
        require_blocks(level, expected, verity)
        expected, at = level, at + len(level)
    return expected


def require_blocks(data: bytes | memoryview, digests: bytes | memoryview, verity: Verity) -> None:
    """Refused unless each block has the digest that stands in its place."""
    begun, view = hashlib.sha256(verity.salt), memoryview(data)
    for number in range(len(view) // BLOCK):
        found = begun.copy()
        found.update(view[number * BLOCK : (number + 1) * BLOCK])
        if found.digest() != digests[number * DIGEST : (number + 1) * DIGEST]:
            raise Refused("a block is not what the signature vouches for: the bundle is damaged")


def whole_blocks(pieces: Iterable[bytes], size: int, leaves: bytes, verity: Verity) -> Iterator[bytes]:
    """The first `size` bytes (whole blocks) of what comes in pieces, each block checked before it is handed on. Refused for the
    first that is wrong, or if they end before."""
    waiting, done = bytearray(), 0
    for piece in pieces:
        waiting += memoryview(piece)[: size - done - len(waiting)]
        ready = len(waiting) // BLOCK * BLOCK
        if ready:
            block = bytes(waiting[:ready])
            require_blocks(block, memoryview(leaves)[done // BLOCK * DIGEST :], verity)
            yield block
            del waiting[:ready]
            done += ready
    if done < size:
        raise Refused(f"it ended after {done} of {size} bytes: the bundle is not whole")
