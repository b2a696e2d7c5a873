"""The partition `record`, where the boot loader finds the record of slots. It has no file system that could be damaged.

    0 kB     a tar header that names the file `tries`, and its one sector. The boot loader finds it by name, for it writes only
             what it has found in a file; the page of both is always written whole.
    256 kB   the first copy of order and proof, a sector, and a sector with its hash
    512 kB   the second copy

They lie apart: what a power cut takes with the page, or the erase block, that was being written is one of them.
"""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.errors import Failure, from_system
from firmware.upgrade import slot_record
from firmware.upgrade.slot_record import NAMES, NO_RECORD, SECTOR, SlotRecord

DEVICE = Path("/dev/disk/by-partlabel/record")
SIZE = 1 << 20
#: how the boot loader calls the partition
GRUB_NAME = "(hd0,gpt7)"
TRIES, COPIES = 0, (256 << 10, 512 << 10)
#: bytes that are written at once
PAGE = 4096


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """The record, and how it was found: the copies that are whole and say the same, of two; none where there is none to be
    read, and then the record is what the boot loader goes by."""

    record: SlotRecord
    whole: int

    @property
    def problem(self) -> str:
        """What is wrong with it, in words; "" for nothing."""
        if self.whole == len(COPIES):
            return ""
        return "one of its two copies is not whole" if self.whole else "neither of its two copies is whole"


def read(device: Path = DEVICE) -> FoundRecord:
    """The record. Failure where the partition cannot be read."""
    with _open(device, os.O_RDONLY) as handle:
        return _read(handle)


def write(record: SlotRecord, device: Path = DEVICE) -> None:
    """Have the record be this one, for good when this returns. Whatever interrupts it, one copy is whole at any time, and says
    what was before or what is to be; Failure if what is read back is not what was written.

    A slot has its tries before it is named first, and loses them after it is named last.
    """
    with _open(device, os.O_RDWR) as handle:
        before = _read(handle)
        tries = slot_record.tries_block(record)
        grows = any(record.trust(slot).tries > before.record.trust(slot).tries for slot in NAMES)
        if grows:
            _write_page(handle, TRIES, _tries_header() + tries)
        if before.whole == 1:  # what is about to be overwritten may be the only one, or the newer one
            _write_copy(handle, 1 if _read_copy(handle, 0) else 0, before.record)
        for number in range(len(COPIES)):
            _write_copy(handle, number, record)
        if not grows and tries != _read_bytes(handle, SECTOR, TRIES + SECTOR):
            _write_page(handle, TRIES, _tries_header() + tries)


def image(record: SlotRecord) -> bytes:
    """The content of the partition on a new disk."""
    content = bytearray(SIZE)
    parts = {TRIES: _tries_header() + slot_record.tries_block(record)}
    parts |= {COPIES[number]: _copy(number, record) for number in range(len(COPIES))}
    for offset, data in parts.items():
        content[offset : offset + len(data)] = data
    return bytes(content)


def block_name(number: int) -> str:
    """How the boot loader calls the block of a copy: its sector in the partition, and how many it is."""
    return f"{GRUB_NAME}{COPIES[number] // SECTOR}+1"


def _read(handle: int) -> FoundRecord:
    copies = [_read_copy(handle, number) for number in range(len(COPIES))]
    chosen = next((copy for copy in copies if copy), None)
    tries = slot_record.parse_tries(_read_bytes(handle, SECTOR, TRIES + SECTOR))
    record = chosen or NO_RECORD
    for slot in NAMES:
        trust = record.trust(slot)
        record = record.with_trust(slot, trust if trust.is_proved else replace(trust, tries=tries[slot]))
    return FoundRecord(record, sum(copy == chosen for copy in copies) if chosen else 0)


def _read_copy(handle: int, number: int) -> SlotRecord | None:
    return slot_record.parse_choice(_read_bytes(handle, 2 * SECTOR, COPIES[number]), block_name(number))


def _read_bytes(handle: int, size: int, offset: int) -> bytes:
    """What stands there; nothing where the disk cannot read it any more."""
    try:
        return os.pread(handle, size, offset)
    except OSError:
        return b""


def _copy(number: int, record: SlotRecord) -> bytes:
    block = slot_record.choice_block(record)
    return block + slot_record.hash_line(block, block_name(number))


def _write_copy(handle: int, number: int, record: SlotRecord) -> None:
    _write_page(handle, COPIES[number], _copy(number, record))


def _write_page(handle: int, offset: int, data: bytes) -> None:
    """Write a page that begins with the data, and compare what the disk has then, not memory."""
    page = data.ljust(PAGE, b"\0")
    os.pwrite(handle, page, offset)
    os.fsync(handle)
    os.posix_fadvise(handle, offset, PAGE, os.POSIX_FADV_DONTNEED)
    if os.pread(handle, PAGE, offset) != page:
        raise Failure("the record of slots: what was read back is not what was written", "the disk may be failing")


def _tries_header() -> bytes:
    header = tarfile.TarInfo("tries")
    header.size = SECTOR
    return header.tobuf(tarfile.USTAR_FORMAT)


@contextmanager
def _open(device: Path, flags: int) -> Iterator[int]:
    try:
        handle = os.open(device, flags | os.O_CLOEXEC)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            yield handle
        finally:
            os.close(handle)
    except OSError as error:
        raise from_system(error) from None
