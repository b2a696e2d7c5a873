"""The few bytes of tar that saved configurations use: GNU's headers, long names, and nothing else."""

from dataclasses import dataclass
from functools import lru_cache

BLOCK = 512

#: bytes of a short name; of what follows the checksum
_SHORT, _REST = 100, 356
#: numbers below these have octal digits in a field of 8 and of 12 bytes
_SMALL, _LARGE = 8**7, 8**11


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


def header(member: Member) -> bytes:
    """The header of a member, with an extra one before it for each name that is too long for its field."""
    long = b""
    if len(member.name) <= _SHORT and len(member.target) <= _SHORT:
        return _header(member)
    for kind, text in ((b"K", member.target), (b"L", member.name)):
        if len(text) > _SHORT:
            long += _header(Member(b"././@LongLink", kind, len(text) + 1)) + pad_to_block(text + b"\0")
    return long + _header(member)


def pad_to_block(data: bytes) -> bytes:
    """`data` and the zeros that fill its last block."""
    return data + padding(data)


def padding(data: bytes) -> bytes:
    """The zeros that fill the last block of `data`."""
    return bytes(-len(data) % BLOCK)


def size(block: bytes) -> int:
    """The size that a header gives, for one that `header` wrote; ValueError if it is none."""
    return int(block[124:135], 8)


def _header(member: Member) -> bytes:
    start = member.name[:_SHORT].ljust(_SHORT, b"\0") + _numbers(member)
    rest, its_sum = _rest(member.kind, member.target, *member.owner_names)
    return b"%b%06o\0 %b" % (start, sum(start) + its_sum, rest)


def _numbers(member: Member) -> bytes:
    """Its mode, owners, size and time, as far as its name has ended and its checksum begins."""
    uid, gid = member.owners
    if max(member.mode, uid, gid) < _SMALL and max(member.size, member.mtime) < _LARGE:
        return b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (member.mode, uid, gid, member.size, member.mtime)
    small, large = (member.mode, uid, gid), (member.size, member.mtime)
    return b"".join((*(_number(each, 8) for each in small), *(_number(each, 12) for each in large)))


@lru_cache(maxsize=256)
def _rest(kind: bytes, target: bytes, owner: bytes, group: bytes) -> tuple[bytes, int]:
    """What follows the checksum, which is the same for many members, and what it adds to the checksum; there stand blanks while
    that is worked out."""
    rest = b"%b%bustar  \0%b%b" % (
        kind, target[:_SHORT].ljust(_SHORT, b"\0"), owner[:31].ljust(32, b"\0"), group[:31].ljust(32, b"\0"),
    )  # fmt: skip
    return rest.ljust(_REST, b"\0"), sum(rest) + 8 * ord(" ")


def _number(value: int, width: int) -> bytes:
    """Octal digits, or where they do not fit, GNU's binary form."""
    digits = b"%0*o\0" % (width - 1, value)
    return digits if len(digits) == width else b"\x80" + value.to_bytes(width - 1, "big")
