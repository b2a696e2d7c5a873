"""Many small pieces of bytes in a few larger ones, so that few calls hash, write and read them."""

from collections.abc import Iterable, Iterator

#: bytes that are handled at once, unless a single piece has more
CHUNK = 1 << 20


def in_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes. Small pieces are copied together, a chunk at a time; what is larger than a chunk comes as it is."""
    waiting, size = list[bytes](), 0
    for piece in pieces:
        if size + len(piece) > CHUNK and waiting:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    if size:
        yield waiting[0] if len(waiting) == 1 else b"".join(waiting)
