"""The identity partition: who this unit is, and that its provisioning is over. Written once, verified, then locked.

Neither a save nor a reset nor an upgrade comes here. Each file is there whole or not at all, whenever the power fails: the
identity first, and the lock only once that has been read back.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from firmware import files, records
from firmware.errors import Damaged, Failure, Refused
from firmware.identity import Identity, parse
from firmware.locks import IDENTITY, hold
from firmware.store import flash
from firmware.store.paths import NODE, Paths

#: where the partition is mounted; what else `Paths` says is the node's own
PARTITION = replace(NODE, flash=Path("/identity"))
DEVICE = Path("/dev/disk/by-partlabel/identity")
RECORD, LOCK = "identity.json", "lock.json"
#: of the record of the lock
LOCK_FORMAT = 1
#: bytes that a record may have
_MOST = 1 << 16
_OPENING = "service open-provisioning, on this unit's own console"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the partition says: the identity (None: it has none yet), the digest of its record as it was read, and when it was
    locked ("": it is not). Without a partition there is nothing, and nothing can be written."""

    identity: Identity | None = None
    digest: str = ""
    locked_at: str = ""
    has_partition: bool = True

    @property
    def is_locked(self) -> bool:
        """Is the provisioning over?"""
        return bool(self.locked_at)


def standing(paths: Paths = PARTITION, *, device: Path = DEVICE, lock: Path = IDENTITY) -> Standing:
    """What is in the partition now, read from there. Failure if it cannot be read, Damaged if a record is not what was written:
    then nobody may write there either."""
    if not (flash.is_reachable(paths) or device.exists()):
        return Standing(has_partition=False)
    with hold(lock), flash.mount(write=False, paths=paths):
        return _read(paths)


def write(new: Identity, paths: Paths = PARTITION, *, replaces: str = "", lock: Path = IDENTITY) -> Standing:
    """Give the unit its identity; what is returned was read back. The same again changes nothing. Refused for another one than
    it has, unless that has the serial number `replaces`; once it is locked always."""
    with hold(lock):
        with flash.mount(write=False, paths=paths):
            old = _read(paths)
        if old.identity == new:
            return old
        _require_replaceable(old, replaces)
        with flash.mount(write=True, paths=paths):
            _write(paths.flash / RECORD, new.dump())
        with flash.mount(write=False, paths=paths):
            done = _read(paths)
    if done.identity != new or done.digest != new.digest:
        raise Failure(
            f"{paths.flash}: the identity that was read back is not what was written", "its disk may be failing"
        )
    return done


def close(serial: str, digest: str, now: str, paths: Paths = PARTITION, *, lock: Path = IDENTITY) -> Standing:
    """Lock the identity, which has to be the one that is named; what is returned was read back. One that is locked stays as
    it is."""
    with hold(lock):
        with flash.mount(write=False, paths=paths):
            old = _read(paths)
        if old.identity is None or (old.identity.serial, old.digest) != (serial, digest):
            is_there = old.identity.serial if old.identity else "none"
            raise Refused(f"not locked: the identity here is {is_there} ({old.digest or 'no record'}), not {serial}")
        if old.is_locked:
            return old
        with flash.mount(write=True, paths=paths):
            _write(
                paths.flash / LOCK, records.dump({"serial": serial, "digest": digest, "at": now}, LOCK_FORMAT) + b"\n"
            )
        with flash.mount(write=False, paths=paths):
            return _read(paths)


def open_again(paths: Paths = PARTITION, *, device: Path = DEVICE, lock: Path = IDENTITY) -> Standing:
    """Take the lock away; an identity that can be read stays, and one that is damaged goes. Refused if there is nothing to open.
    Who asks has to stand at the console."""
    if not (flash.is_reachable(paths) or device.exists()):
        raise Refused("this node has no identity partition: there is nothing to open")
    with hold(lock), flash.mount(write=True, paths=paths):
        is_damaged = _is_damaged(paths)
        if not (paths.flash / LOCK).exists() and not is_damaged:
            raise Refused("the provisioning port is not locked: the agent listens there already")
        _remove(paths.flash / LOCK)
        if is_damaged and _is_damaged(paths):
            _remove(paths.flash / RECORD)
        return _read(paths)


def _is_damaged(paths: Paths) -> bool:
    try:
        _read(paths)
    except Damaged:
        return True
    return False


def _remove(path: Path) -> None:
    with flash.convert_os_errors(path):
        path.unlink(missing_ok=True)
        files.sync_directory(path.parent)


def _require_replaceable(old: Standing, replaces: str) -> None:
    if old.is_locked:
        has = old.identity.serial if old.identity else "locked"
        raise Refused(f"this unit is {has}, for good: its identity is locked", _OPENING)
    if old.identity is not None and old.identity.serial != replaces:
        raise Refused(
            f"this unit has another identity already: serial number {old.identity.serial}",
            "say that it is to be replaced, if it was written by mistake",
        )


def _read(paths: Paths) -> Standing:
    record, lock = _bytes(paths.flash / RECORD), _bytes(paths.flash / LOCK)
    found = parse(record, str(paths.flash / RECORD)) if record else None
    digest = f"sha256:{hashlib.sha256(record).hexdigest()}" if record else ""
    return Standing(found, digest, _locked_at(lock, digest, paths) if lock else "")


def _locked_at(data: bytes, digest: str, paths: Paths) -> str:
    """When it was locked. Damaged where the lock belongs to another identity."""
    what = str(paths.flash / LOCK)
    body = records.load(data, LOCK_FORMAT, what)
    with records.interpreting(what):
        locked, at = (records.typed_value(body, key, str) for key in ("digest", "at"))
    if locked != digest or not at:
        raise Damaged(f"{paths.flash / RECORD}: damaged: it is not the identity that was locked", _OPENING)
    return str(at)


def _bytes(path: Path) -> bytes:
    with flash.convert_os_errors(path):
        try:
            with open(path, "rb") as file:
                return file.read(_MOST)
        except FileNotFoundError:
            return b""


def _write(path: Path, data: bytes) -> None:
    flash.remove_leftovers(path.parent)
    flash.write_durably(path, [data])
