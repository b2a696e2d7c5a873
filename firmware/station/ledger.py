"""The directory of unit records: a chain that grows at its end, by one station at a time.

    000017-ALB2000-0042.json(.sig)     a record and the factory's signature of it
    head-000017.json(.sig)             how many there are; head-000000 is there before the first
    allowed_signers                    the keys that may sign (for ssh-keygen -Y verify)
    pending/SERIAL.json                what is known of a unit that is not locked yet, or whose record is not written yet
    .lock                              held while a record is written

A record counts as soon as its file has its name; its signature is there before. The head follows. Whoever is killed in
between leaves what `append` completes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import files
from firmware.errors import Damaged, Failure, Refused
from firmware.locks import hold
from firmware.station import signatures, unit_record
from firmware.station.unit_record import NOTHING, Head, UnitRecord

RECORD = re.compile(r"([0-9]{6,})-([A-Z0-9-]+)\.json")
HEAD = re.compile(r"head-([0-9]{6,})\.json")
SIGNERS = "allowed_signers"
#: how the names of files begin that are being written
TEMPORARY = files.TEMPORARY_PREFIX


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records below `top`."""

    top: Path

    @property
    def signers(self) -> Path:
        """The keys that may sign."""
        return self.top / SIGNERS

    def record_names(self) -> list[str]:
        """The names of the records, in the order of their numbers."""
        return sorted(
            (path.name for path in self._entries() if RECORD.fullmatch(path.name)),
            key=lambda name: (int(name.partition("-")[0]), name),
        )

    def head_names(self) -> list[str]:
        """The names of the heads; there are two while the last one is being replaced."""
        return sorted((path.name for path in self._entries() if HEAD.fullmatch(path.name)), key=_head_number)

    def read(self, name: str) -> UnitRecord:
        """A record; its signature is not looked at. Damaged where it is none."""
        return unit_record.load(self.read_bytes(name), str(self.top / name))

    def read_bytes(self, name: str, most: int = unit_record.MOST) -> bytes:
        """A file of it. Failure where it cannot be read, or is no file, or larger than any of ours."""
        path = self.top / name
        try:
            if not path.is_file() or path.is_symlink():
                raise Failure(f"{path}: it is not there, or no file")
            with path.open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise Failure(f"{path}: {error.strerror}") from None
        if len(data) > most:
            raise Damaged(f"{path}: damaged: it is larger than any record")
        return data

    def all(self) -> Iterator[UnitRecord]:
        """Every record, by number."""
        return (self.read(name) for name in self.record_names())

    def find(self, serial: str) -> UnitRecord | None:
        """The record of that unit."""
        found = [name for name in self.record_names() if name.partition("-")[2] == f"{serial}.json"]
        return self.read(found[-1]) if found else None

    def _entries(self) -> Iterable[Path]:
        try:
            return list(self.top.iterdir())
        except FileNotFoundError:
            return []


def _head_number(name: str) -> int:
    return int(name.removeprefix("head-").removesuffix(".json"))


def prepare(ledger: Ledger, key: Path) -> None:
    """Make sure that records can be signed and kept here; makes the directory, with the first head, where there is none, and
    completes what somebody left who was killed.

    Refused where others sign the records that are there. Damaged where the end of the chain is not what its head says.
    """
    public = require_key(ledger, key)
    (ledger.top / "pending").mkdir(parents=True, exist_ok=True)
    with hold(ledger.top / ".lock"):
        if not ledger.signers.exists():
            files.write(ledger.signers, signatures.signer_line(public).encode())
        signatures.require_signer(public, ledger.signers)
        if not ledger.head_names() and not ledger.record_names():
            _write_head(ledger, Head(0, NOTHING), key)
        _complete_head(ledger, key)


def require_key(ledger: Ledger, key: Path) -> str:
    """The public key, if records can be signed with this one. Refused where others sign the records that are there."""
    public = signatures.public_key(key)
    signatures.sign(b"can it sign?", key)
    if ledger.signers.exists():
        signatures.require_signer(public, ledger.signers)
    return public


def append(
    ledger: Ledger, key: Path, make: Callable[[int, str], UnitRecord], *, reach: Callable[[str], None] = lambda _: None
) -> UnitRecord:
    """Write the next record, which `make` makes of its number and the digest of the one before, and return it.

    Refused where that unit has a record already. Damaged where the end of the chain is not what its head says: nothing is
    written then. `reach` is told where it is, for tests that stop it there.
    """
    with hold(ledger.top / ".lock"):
        head = _complete_head(ledger, key)
        record = make(head.count + 1, head.last)
        if ledger.find(record.serial):
            raise Refused(f"{record.serial}: it has a record already", f"provision show {ledger.top} {record.serial}")
        data = record.dump()
        _write_signed(ledger, record.name, data, key, reach)
        _write_head(ledger, Head(record.number, unit_record.digest(data)), key, reach)
        return record


def _complete_head(ledger: Ledger, key: Path) -> Head:
    """The head as the next record needs it. Where somebody was killed after a record and before its head, that is written now."""
    names, heads = ledger.record_names(), ledger.head_names()
    remedy = f"provision verify {ledger.top} says what is wrong; put back what is missing, from a copy"
    if not heads:
        raise Damaged(f"{ledger.top}: there is no head, so records may be missing", remedy)
    head = read_head(ledger, heads[-1])
    if len(names) == head.count + 1 and ledger.read(names[-1]).previous == head.last:
        _require_signed(ledger, names[-1])
        head = Head(head.count + 1, unit_record.digest(ledger.read_bytes(names[-1])))
        _write_head(ledger, head, key)
    last = unit_record.digest(ledger.read_bytes(names[-1])) if names else NOTHING
    if len(names) != head.count or last != head.last:
        raise Damaged(f"{ledger.top}: there are {len(names)} records, and not those that the head names", remedy)
    for name in ledger.head_names()[:-1]:
        _remove_head(ledger, name)
    return head


def read_head(ledger: Ledger, name: str, signers: Path | None = None) -> Head:
    """A head that the factory signed. Damaged where it did not."""
    head = unit_record.load_head(ledger.read_bytes(name), str(ledger.top / name))
    _require_signed(ledger, name, signers)
    if head.name != name:
        raise Damaged(f"{ledger.top / name}: damaged: it is head {head.count}")
    return head


def _require_signed(ledger: Ledger, name: str, signers: Path | None = None) -> None:
    if not is_signed(ledger, name, signers):
        raise Damaged(f"{ledger.top / name}: the factory did not sign it, or it was changed since")


def is_signed(ledger: Ledger, name: str, signers: Path | None = None) -> bool:
    """Whether the signature beside a file is the factory's, of these bytes."""
    signature = ledger.read_bytes(f"{name}.sig")
    return signatures.is_signed(ledger.read_bytes(name), signature, signers or ledger.signers)


def _write_head(ledger: Ledger, head: Head, key: Path, reach: Callable[[str], None] = lambda _: None) -> None:
    """The new head, and then the old one goes."""
    before = ledger.head_names()
    _write_signed(ledger, head.name, head.dump(), key, reach)
    for name in before:
        if name != head.name:
            _remove_head(ledger, name)


def _remove_head(ledger: Ledger, name: str) -> None:
    (ledger.top / name).unlink(missing_ok=True)
    (ledger.top / f"{name}.sig").unlink(missing_ok=True)


def _write_signed(ledger: Ledger, name: str, data: bytes, key: Path, reach: Callable[[str], None]) -> None:
    signature = signatures.sign(data, key)
    reach(f"{name} before its signature")
    files.write(ledger.top / f"{name}.sig", signature)
    reach(f"{name} before itself")
    files.write(ledger.top / name, data)
    reach(f"{name} after itself")


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what two orders say differently, as they are called in the input."""
    columns = {"macs": "mac", "node": "pair", "peer_address": "address of the pair's other unit"}
    names = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    return list(dict.fromkeys(columns.get(name, name) for name in names))


def recorded_problems(ledger: Ledger) -> Callable[[Any], Iterator[str]]:
    """What the records that are there have against an order: its serial number or one of its addresses is another unit's."""
    by_serial = {record.serial: record for record in ledger.all()}
    by_mac = {mac: record for record in by_serial.values() for mac in record.order.get("macs", ())}

    def problems(order: Any) -> Iterator[str]:
        record = by_serial.get(order.serial)
        if record and (names := differing(record.order, order.identity())):
            where = (
                f"{order.place}: serial: {order.serial!r} is in record {record.name} with another {' and '.join(names)}"
            )
            yield f"{where}: give this unit another serial number, or order it as it was"
        for mac in order.macs:
            if (other := by_mac.get(mac)) and other.serial != order.serial:
                yield f"{order.place}: mac: {mac} is in record {other.name}: each port has its own"

    return problems
