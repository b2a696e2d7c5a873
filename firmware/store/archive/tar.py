"""The few bytes of tar that saved configurations use: GNU's headers, long names, and nothing else."""

from dataclasses import dataclass

BLOCK = 512

_SHORT = 100


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
    fields = (
        member.name[:_SHORT].ljust(_SHORT, b"\0"),
        _number(member.mode, 8), _number(member.owners[0], 8), _number(member.owners[1], 8),
        _number(member.size, 12), _number(member.mtime, 12),
        b" " * 8, member.kind, member.target[:_SHORT].ljust(_SHORT, b"\0"), b"ustar  \0",
        member.owner_names[0][:31].ljust(32, b"\0"), member.owner_names[1][:31].ljust(32, b"\0"),
    )  # fmt: skip
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _number(value: int, width: int) -> bytes:
    """Octal digits, or where they do not fit, GNU's binary form."""
    digits = b"%0*o\0" % (width - 1, value)
    return digits if len(digits) == width else b"\x80" + value.to_bytes(width - 1, "big")
