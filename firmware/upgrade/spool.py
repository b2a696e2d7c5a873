"""Where a bundle lies that comes from elsewhere: a file system in memory of its own, as large as the bundle and gone with it.

/tmp has a quarter of the memory, which on a small unit is less than a bundle. The flash keeps what is saved, and nothing else.
Of one that memory has no room for, the end is here, with the signature, and the address of the rest.

Who holds the lock UPGRADE may touch it. What waits there to be installed is noted beside it, so that anybody may look at that at
any time: a note is there once all of the bundle is, and its signature is known to be good.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from firmware import files, records
from firmware.errors import Busy, Damaged, Refused
from firmware.run import run
from firmware.upgrade import web_address
from firmware.upgrade.bundle import Bundle

PLACE = Path("/run/firmware/upgrade/spool")
NAME, ADDRESS = "bundle.raucb", "address"
#: bytes of memory that are left for everything else: with 24 MiB a unit reads its programs again and again, and an installation
#: takes minutes
RESERVE = 36 << 20
#: bytes of memory for the end of one that stays where it is
MOST_END = 1 << 20
_NO_ROOM_HINT = "have the node fetch it from a web server that sends parts: that takes no memory; or stop a service"
_MEMORY = Path("/proc/meminfo")
_PAGE = 4096
_NOTE, _FORMAT = "waiting", 1
#: beside it: there while a bundle is on its way, and gone once somebody has called it off
_COMING = "coming"
#: beside it: where RAUC mounts a bundle while it installs it · seconds that the kernel is given to let go of one
_MOUNTED, _LET_GO_SECONDS = "bundle", 2.0


@dataclass(frozen=True, slots=True)
class WaitingBundle:
    """A bundle that has come and waits to be installed; its signature is good. `address`: memory has no room for it, and it
    streams from there into the slot; only what may be shown of it. "" for one that is here."""

    bundle: Bundle | None
    address: str = ""


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


def path() -> Path | None:
    """The bundle that lies there, if there is one."""
    found = PLACE / NAME
    return found if found.is_file() else None


def note_waiting(bundle: Bundle) -> WaitingBundle:
    """Have the bundle that lies there wait to be installed."""
    noted = WaitingBundle(bundle, web_address.parse(place).public_form if (place := address()) else "")
    files.write(PLACE.parent / _NOTE, records.dump(asdict(noted), _FORMAT), mode=0o600)
    return noted


def read_waiting() -> WaitingBundle:
    """The bundle that waits to be installed, if there is one."""
    try:
        with records.interpreting(_NOTE):
            body = records.load((PLACE.parent / _NOTE).read_bytes(), _FORMAT, _NOTE)
            protocols = tuple(body["bundle"]["protocols"])
            noted = WaitingBundle(Bundle(**{**body["bundle"], "protocols": protocols}), body["address"])
        return noted if path() else WaitingBundle(None)
    except (OSError, Damaged):
        return WaitingBundle(None)


@contextmanager
def expect() -> Iterator[None]:
    """A bundle is on its way until the end of this: it may be called off meanwhile."""
    PLACE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    (PLACE.parent / _COMING).touch()
    try:
        yield
    finally:
        call_off()


def call_off() -> bool:
    """Have whoever gets a bundle get it no more; returns whether one was on its way."""
    try:
        (PLACE.parent / _COMING).unlink()
    except FileNotFoundError:
        return False
    return True


def is_called_off() -> bool:
    """Does nobody want the bundle any more that is on its way?"""
    return not (PLACE.parent / _COMING).exists()


def is_abandoned() -> bool:
    """Does something lie there that does not wait: it is on its way, or whoever got it has been killed?"""
    return os.path.ismount(PLACE) and not (PLACE.parent / _NOTE).exists()


def discard() -> None:
    """Take it away, and give its memory back. Busy, and it goes on waiting if it did, while an installation still reads it that
    was interrupted."""
    forget_interrupted()
    end = time.monotonic() + _LET_GO_SECONDS
    while os.path.ismount(PLACE):
        if run(["umount", str(PLACE)], check=False).status == 0:
            continue
        if time.monotonic() > end:
            raise Busy("an installation that was interrupted still reads the bundle", "try again in some minutes")
        time.sleep(0.05)
    (PLACE.parent / _NOTE).unlink(missing_ok=True)


def forget_interrupted() -> None:
    """Take away what an installation left mounted that was interrupted; the device behind it goes with it, a moment later."""
    place = PLACE.parent / _MOUNTED
    while os.path.ismount(place) and run(["umount", str(place)], check=False).status == 0:
        pass
    with suppress(OSError):
        place.rmdir()


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
