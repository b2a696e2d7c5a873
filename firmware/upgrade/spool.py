"""Where a bundle lies that comes from elsewhere: a file system in memory of its own, as large as the bundle and gone with it.

/tmp has a quarter of the memory, which on a small unit is less than a bundle. The flash keeps what is saved, and nothing else.
Of one that memory has no room for, the end is here, with the signature, and the address of the rest.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from firmware.errors import Failure, Refused
from firmware.run import run

PLACE = Path("/run/firmware/upgrade/spool")
NAME, ADDRESS = "bundle.raucb", "address"
#: bytes of memory that are left for everything else
RESERVE = 24 << 20
#: bytes of memory for the end of one that stays where it is
MOST_END = 1 << 20
_NO_ROOM_HINT = "have the node fetch it from a web server that sends parts: that takes no memory; or stop a service"
_MEMORY = Path("/proc/meminfo")
_PAGE = 4096


def free_memory(meminfo: Path = _MEMORY) -> int:
    """Bytes of memory that a bundle may take."""
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return max(0, int(fields["MemAvailable"].split()[0]) * 1024 - RESERVE)


def receive(pieces: Iterable[bytes], limit: int, size: int | None = None) -> Path:
    """A file of what comes, of at most `limit` bytes; `size` is how many are promised. Refused, and nothing left of it, if it is
    more, or if there is no memory for it."""
    discard()
    room = min(limit, free_memory())
    require_size(size, limit)
    if size is not None and size > room:
        raise Refused(f"it has {size} bytes, and {room} bytes of memory are free for it", _NO_ROOM_HINT)
    try:
        _mount(room)
        return _write(pieces, room, limit)
    except BaseException:
        discard()
        raise


def keep_end(end: bytes, size: int, limit: int, address: str) -> Path:
    """A file as long as a bundle, of which only the end is here; the rest stays at that address. Refused if it has more than
    `limit` bytes."""
    discard()
    require_size(size, limit)
    try:
        _mount(MOST_END)
        path = PLACE / NAME
        (PLACE / ADDRESS).write_text(address)  # first: without it, it would pass for a whole one
        with open(path, "xb", buffering=0) as file:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(size)
            os.pwrite(file.fileno(), end, size - len(end))
        return path
    except BaseException:
        discard()
        raise


def require_size(size: int | None, limit: int) -> None:
    """Refused if it is more than any bundle for this unit has."""
    if size is not None and size > limit:
        raise Refused(f"it has {size} bytes: more than any bundle for this unit, {limit}")


def address() -> str:
    """Where the rest of the bundle is that lies there; "" if all of it does."""
    path = PLACE / ADDRESS
    return path.read_text() if path.is_file() else ""


def waiting() -> Path | None:
    """The bundle that lies there, if there is one."""
    path = PLACE / NAME
    return path if path.is_file() else None


def discard() -> None:
    """Take it away, and give its memory back."""
    while os.path.ismount(PLACE) and run(["umount", str(PLACE)], check=False).status == 0:
        pass
    if os.path.ismount(PLACE):
        raise Failure(f"{PLACE}: somebody is using the bundle that lies there")


def _mount(room: int) -> None:
    PLACE.mkdir(mode=0o700, parents=True, exist_ok=True)
    size = -(-room // _PAGE) * _PAGE
    run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700,nosuid,nodev,noexec", "bundle", str(PLACE)])


def _write(pieces: Iterable[bytes], room: int, limit: int) -> Path:
    partial, path, size = PLACE / "partial", PLACE / NAME, 0
    with open(partial, "xb", buffering=0) as file:
        os.fchmod(file.fileno(), 0o600)
        for piece in pieces:
            size += len(piece)
            if size > limit:
                raise Refused(f"it has more than {limit} bytes: more than any bundle for this unit")
            if size > room:
                raise Refused(f"it has more than the {room} bytes of memory that are free", _NO_ROOM_HINT)
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
    with suppress(FileNotFoundError):
        path.unlink()
    partial.rename(path)
    return path
