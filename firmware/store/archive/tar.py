"""The few bytes of tar that saved configurations use: GNU's headers, long names, and nothing else."""

from dataclasses import dataclass
from functools import lru_cache
from zlib import adler32

BLOCK = 512

#: bytes of a short name; of what follows the checksum
_SHORT, _REST = 100, 356
#: numbers below this have octal digits in a field of 12 bytes
_LARGE = 8**11


@dataclass(frozen=True, slots=True)
class Member:
    """What a header says. `kind` is b"0" for a file, b"5" for a directory, b"2" for a link. Names are raw bytes."""

    name: bytes
    kind: bytes = b"0"
    size: int = 0
    mode: int = 0
    mtime: int = 0
    owners: tuple[int, int] = (0, 0)
    owner_names: tuple[bytes, bytes] = (b"root", b"root")
    target: bytes = b""


@dataclass(frozen=True, slots=True)
class Traits:
    """What many members have in common, as it stands in their headers: mode and owners; what follows the checksum, and what that
    adds to it; before the header, one for a target that is too long for its field."""

    numbers: bytes
    rest: bytes
    rest_sum: int
    long_target: bytes


def header(member: Member) -> bytes:
    """The header of a member, with an extra one before it for each name that is too long for its field."""
    shared = traits(member.kind, member.mode, member.owners, member.owner_names, member.target)
    return named_header(member.name, member.size, member.mtime, shared)


@lru_cache(maxsize=256)
def traits(
    kind: bytes, mode: int, owners: tuple[int, int], owner_names: tuple[bytes, bytes], target: bytes = b""
) -> Traits:
    """What members of this kind with these have in common."""
    rest = b"%b%bustar  \0%b%b" % (
        kind, target[:_SHORT].ljust(_SHORT, b"\0"), *(name[:31].ljust(32, b"\0") for name in owner_names),
    )  # fmt: skip
    # Where the checksum stands there are blanks while it is worked out.
    rest_sum, numbers = sum(rest) + 8 * ord(" "), b"".join(_number(each, 8) for each in (mode, *owners))
    return Traits(numbers, rest.ljust(_REST, b"\0"), rest_sum, _long_name(b"K", target))


def named_header(name: bytes, size: int, mtime: int, shared: Traits) -> bytes:
    """The same as `header`, of a member that has these."""
    times = b"%011o\0%011o\0" % (size, mtime) if (size | mtime) < _LARGE else _number(size, 12) + _number(mtime, 12)
    start = b"%b%b%b" % (name[:_SHORT].ljust(_SHORT, b"\0"), shared.numbers, times)
    # The lower half of an Adler-32 is one more than the sum of so few bytes, and made much faster.
    found = b"%b%06o\0 %b" % (start, (adler32(start) & 0xFFFF) - 1 + shared.rest_sum, shared.rest)
    return shared.long_target + _long_name(b"L", name) + found


def _long_name(kind: bytes, text: bytes) -> bytes:
    """An extra header for a name that is too long for its field; nothing for any other."""
    if len(text) <= _SHORT:
        return b""
    return header(Member(b"././@LongLink", kind, len(text) + 1)) + pad_to_block(text + b"\0")


def pad_to_block(data: bytes) -> bytes:
    """`data` and the zeros that fill its last block."""
    return data + padding(data)


def padding(data: bytes) -> bytes:
    """The zeros that fill the last block of `data`."""
    return bytes(-len(data) % BLOCK)


def size(block: bytes) -> int:
    """The size that a header gives, for one that `header` wrote; ValueError if it is none."""
    return int(block[124:135], 8)


def _number(value: int, width: int) -> bytes:
    """Octal digits, or where they do not fit, GNU's binary form."""
    digits = b"%0*o\0" % (width - 1, value)
    return digits if len(digits) == width else b"\x80" + value.to_bytes(width - 1, "big")
