"""An upgrade, from a bundle to a slot that starts next."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware import __version__
from firmware.errors import Failure, from_system
from firmware.flows import switch_slot
from firmware.locks import NEXT_SLOT, OTHER_SLOT, hold
from firmware.sync import audit
from firmware.sync.audit import Who
from firmware.upgrade import decision, rauc, slots
from firmware.upgrade.bundle import Bundle
from firmware.upgrade.decision import Allowed, ThisUnit

#: is told which step begins
Tell = Callable[[str], None]
_FLUSH, _PIECE = 0x1261, 1 << 20  # BLKFLSBUF
_FAILING_DISK = "the disk may be failing: try once more"


@dataclass(frozen=True, slots=True)
class Installed:
    """What came of it: `result` is installed, or the same; `slot` starts next if it was installed, `previous` runs now."""

    result: str
    version: str
    previous: str
    slot: str
    seconds: float
    notes: tuple[str, ...] = ()


def install(
    path: Path, allowed: Allowed, *, peer: tuple[int, int] | None, who: Who, tell: Tell, address: str = ""
) -> Installed:
    """Write a bundle into the slot that does not run, and have that one start next, on trial. With an `address` only the end of
    the bundle is in the file, and the rest is there: then it is written as it comes.

    `peer` are the versions of the peer API that the peer speaks. Whatever is refused is refused before anything is touched;
    interrupted anywhere, the slot that runs is the one that starts, and a second attempt begins anew. Whoever calls it holds
    the lock UPGRADE."""
    with hold(NEXT_SLOT, wait=False, busy="somebody has asked for the other slot, which starts now"):
        return _install(path, allowed, peer, who, tell, address)


def _install(
    path: Path, allowed: Allowed, peer: tuple[int, int] | None, who: Who, tell: Tell, address: str
) -> Installed:
    begun = time.monotonic()
    running = slots.require_slots()
    target = slots.other(running)
    with audit.note_errors("upgrade", who=who, slot=target):
        tell("verifying the signature")
        bundle, is_wanted = _require_installable(path, allowed, target, peer)
    if not is_wanted:
        return Installed("same", bundle.version, __version__, running, 0.0)
    with audit.note_errors("upgrade", who=who, version=bundle.version, slot=target):
        _write(path, address, bundle, target, other_model=allowed.other_model, tell=tell)
        switch_slot.set_primary(target, keep_link=not allowed.other_protocols)
    audit.note("upgrade", who=who, result="done", version=bundle.version, slot=target, digest=f"sha256:{bundle.sha256}")
    return Installed("installed", bundle.version, __version__, target, round(time.monotonic() - begun, 1))


def _require_installable(
    path: Path, allowed: Allowed, target: str, peer: tuple[int, int] | None
) -> tuple[Bundle, bool]:
    """The bundle, and whether there is anything to do. Refused if it may not be installed."""
    switch_slot.require_proved()
    bundle = rauc.read(path)
    unit = ThisUnit(rauc.model(), __version__, slot_size(slots.device(target)), peer)
    if decision.is_the_same(bundle, unit, allowed):
        return bundle, False
    decision.require_fit(bundle, unit, allowed)
    return bundle, True


def _write(path: Path, address: str, bundle: Bundle, target: str, *, other_model: bool, tell: Tell) -> None:
    with hold(OTHER_SLOT):
        slots.unmount()  # RAUC writes nothing that is mounted
        if address:
            tell(f"memory has no room for all of it: writing slot {target} as it comes, each block verified")
            stream_slot(path, address, target, bundle)
        else:
            tell(f"verifying all of it, and writing slot {target}")
            write_slot(path, slots.other(target), bundle.size, other_model=other_model)
    tell(f"reading slot {target} back")
    require_written(slots.device(target), bundle)


def write_slot(path: Path, running: str, size: int, *, other_model: bool) -> None:
    """Have RAUC verify a bundle with an image of so many bytes and write the slot that does not run. Refused if nothing was
    written; Failure if something was, and the slot is not whole."""
    switch_slot.forget_begun()
    try:
        rauc.install(path, running, size, other_model=other_model)
    except Failure as error:
        if not switch_slot.is_begun():  # RAUC has the slot marked as bad before it writes it
            raise
        raise _broken_off(slots.other(running), error) from None


def stream_slot(end: Path, address: str, target: str, bundle: Bundle) -> None:
    """Write the slot that does not run with a bundle of which the end is here and the rest at that address. Refused if nothing
    was written; Failure if something was, and the slot is not whole."""
    from firmware.upgrade import remote  # with all of TLS, which a session of the web UI need not have in memory

    is_begun = False

    def begin() -> None:
        nonlocal is_begun
        is_begun = True
        switch_slot.mark_bad(target)

    try:
        remote.write(end, address, bundle, slots.device(target), begin)
    except Failure as error:
        if is_begun:
            raise _broken_off(target, error) from None
        raise
    except OSError as error:
        raise (_broken_off(target, from_system(error)) if is_begun else from_system(error)) from None


def _broken_off(target: str, error: Failure) -> Failure:
    hint = (
        f"slot {slots.other(target)} goes on as it is; once that is mended, upgrade install writes slot {target} anew"
    )
    return Failure(f"slot {target} was not written whole: {error}", hint)


def require_written(device: Path, bundle: Bundle) -> None:
    """Failure if what the disk holds, not what memory remembers of it, is not the image."""
    found = hashlib.sha256()
    with open(device, "rb", buffering=0) as file:
        try:
            fcntl.ioctl(file, _FLUSH)
        except OSError:  # a file, in a test
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        left = bundle.size
        try:
            while left and (piece := file.read(min(left, _PIECE))):
                found.update(piece)
                left -= len(piece)
        except OSError as error:
            raise Failure(f"{device}: it cannot be read back: {error.strerror}", _FAILING_DISK) from None
    if left or found.hexdigest() != bundle.sha256:
        raise Failure(f"{device}: what was read back is not what was written", _FAILING_DISK)


def slot_size(device: Path) -> int:
    """The bytes of a slot."""
    with open(device, "rb", buffering=0) as file:
        return file.seek(0, os.SEEK_END)
