"""Proposals in blocks as a peer could send them that keeps to nothing: parts and lengths as one likes."""

import json
import struct
import zlib
from typing import Any

from firmware import blocks, native, zstd
from firmware.manifest import Entry
from firmware.rc import document
from firmware.services import content
from firmware.services.content import Content

TOP = "/etc/haproxy"
BLOCK = "service haproxy\n"
ONE = b"one\n"


def entry(name: str, size: int, digest: str) -> Entry:
    return Entry(f"{TOP}/{name}", "file", 0o640, "root", "root", size, digest)


def entry_of(name: str, data: bytes) -> Entry:
    return entry(name, len(data), native.bytes_digest(data))


def state_of(*entries: Entry) -> Content:
    block = document.parse(BLOCK).blocks[0]
    table = {one.path: one for one in sorted(entries, key=lambda one: one.path)}
    return Content(BLOCK, block.statements, table, content.digest(block, table))


def line(one: Entry, *more: Any) -> bytes:
    name = one.path.removeprefix(f"{TOP}/")
    return json.dumps([name, one.kind, f"{one.mode:04o}", one.owner, one.group, one.size, one.digest, *more]).encode()


def plain(lines: list[bytes], data: bytes = b"", *, becomes: Content, **changes: Any) -> bytes:
    """All of a proposal, before it is made into blocks."""
    table = b"\n".join(lines)
    head = {
        "protocol": 3, "firmware": "1", "service": "haproxy", "block": BLOCK, "entries": len(table), "expect": "", "dry": False,
        "push": "", "base": "", "confirm": 0, "against": "", "state": becomes.digest, **changes,
    }  # fmt: skip
    text = json.dumps(head).encode()
    return struct.pack(">I", len(text)) + text + table + data


def body(*words: Any, **more: Any) -> bytes:
    return b"".join(blocks.encode([plain(*words, **more)], blocks.ZSTD))


def deflated(data: bytes) -> bytes:
    """Bytes as one block, however many they are."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    small = packer.compress(data) + packer.flush()
    return struct.pack(">I", len(small) | 1 << 31) + small


def packed(data: bytes) -> bytes:
    """The same with zstd."""
    small = zstd.pack(data, len(data) + 100)
    return struct.pack(">I", len(small) | 1 << 30) + small


#: rsync's deltas: a magic number, then commands: literal bytes, or a copy of so many bytes from a place in the old file
MAGIC = b"rs\x02\x36"


def copy(place: int, size: int) -> bytes:
    return b"\x54" + struct.pack(">QQ", place, size)  # both numbers with 8 bytes
