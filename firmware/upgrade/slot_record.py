"""The record of slots: which one comes first, which have proved themselves, and how often one that has not may still be tried.

What the firmware writes, order and proof, lies in two copies, each with its SHA-256; the boot loader only reads them. What the
boot loader writes, the tries, lies in a block of its own: whoever loses it has lost the tries, and a slot that has not proved
itself is then passed over. The boot loader's half of this is buildroot/board/grub.cfg.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

#: the slots
NAMES = ("a", "b")
#: how often a slot that has not proved itself may be started. More than the boot loader can count down: see grub.cfg
MOST_TRIES = 3
#: bytes of a sector; a block of the boot loader's environment takes one, and so does the line with its hash
SECTOR = 512

_UNREAD = "unread"
_HEADER = b"# GRUB Environment Block\n"
_LINE = re.compile(rb"([a-z_]+)=([a-z0-9 ]*)")


@dataclass(frozen=True, slots=True)
class SlotTrust:
    """What is known of a slot: has it proved itself, and if not, how often may it still be tried?"""

    is_proved: bool
    tries: int = 0

    @property
    def is_bootable(self) -> bool:
        """Would the boot loader start it?"""
        return self.is_proved or self.tries > 0


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """The whole record. `order` names the slots, the one to be started first first. `unread_flash`: the flash could not be read
    when the slot was put on trial that is, so it need not read it either; the flash itself cannot tell that."""

    order: tuple[str, str]
    a: SlotTrust
    b: SlotTrust
    unread_flash: bool = False

    def trust(self, slot: str) -> SlotTrust:
        """What is known of that slot."""
        return self.a if slot == "a" else self.b

    def with_trust(self, slot: str, trust: SlotTrust) -> "SlotRecord":
        """The same, but for what is known of that slot."""
        return replace(self, a=trust) if slot == "a" else replace(self, b=trust)

    def with_first(self, slot: str) -> "SlotRecord":
        """The same with that slot as the first one."""
        return replace(self, order=(slot, other(slot)))

    @property
    def primary(self) -> str:
        """The slot that the boot loader would start, if it can read it."""
        return next((slot for slot in self.order if self.trust(slot).is_bootable), self.order[0])


#: what the boot loader takes to be so where it finds no record
NO_RECORD = SlotRecord(("a", "b"), SlotTrust(True), SlotTrust(True))


def other(slot: str) -> str:
    """The slot that is not this one."""
    return "b" if slot == "a" else "a"


def mark_bad(record: SlotRecord, slot: str) -> SlotRecord:
    """A slot that is not to be started: it comes last, and has no tries."""
    return replace(record.with_first(other(slot)).with_trust(slot, SlotTrust(False)), unread_flash=False)


def put_on_trial(record: SlotRecord, slot: str, *, unread_flash: bool = False) -> SlotRecord:
    """A slot that comes first, and has to prove itself."""
    trial = record.with_first(slot).with_trust(slot, SlotTrust(False, MOST_TRIES))
    return replace(trial, unread_flash=unread_flash)


def prove(record: SlotRecord, slot: str) -> SlotRecord:
    """A slot that has proved itself, in the place where it stands."""
    return replace(record.with_trust(slot, SlotTrust(True)), unread_flash=False)


def choice_block(record: SlotRecord) -> bytes:
    """Order and proof, as the boot loader reads them: a sector. Of anything else in it neither that nor older firmware takes
    notice."""
    proof = {f"{slot}_ok": str(int(record.trust(slot).is_proved)) for slot in NAMES}
    more = {"flash": _UNREAD} if record.unread_flash else {}
    return _block({"order": " ".join(record.order), **proof, **more})


def tries_block(record: SlotRecord) -> bytes:
    """The tries, as the boot loader reads and writes them: a sector."""
    return _block({f"{slot}_tries": str(record.trust(slot).tries) for slot in NAMES})


def hash_line(block: bytes, name: str) -> bytes:
    """A sector with the hash of a block, as the boot loader's `hashsum` checks it; `name` is how that calls the block."""
    return f"{hashlib.sha256(block).hexdigest()}  {name}\n".encode().rjust(SECTOR)


def parse_choice(copy: bytes, name: str) -> SlotRecord | None:
    """The record in a copy, which is a block and the line with its hash; None where that is not what was written. Nothing is
    known of tries."""
    block, line = copy[:SECTOR], copy[SECTOR : 2 * SECTOR]
    if line != hash_line(block, name):
        return None
    values = _values(block)
    order = tuple(values.get("order", "").split())
    if sorted(order) != list(NAMES):
        return None
    proved = {slot: SlotTrust(values.get(f"{slot}_ok") == "1") for slot in NAMES}
    return SlotRecord((order[0], order[1]), proved["a"], proved["b"], values.get("flash") == _UNREAD)


def parse_tries(block: bytes) -> dict[str, int]:
    """How often each slot may still be tried; none may be where the block is not one."""
    values = _values(block)
    words = {slot: values.get(f"{slot}_tries", "") for slot in NAMES}
    return {slot: int(word) if word in map(str, range(MOST_TRIES + 1)) else 0 for slot, word in words.items()}


def _block(values: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}={value}\n" for name, value in values.items()).encode()
    return (_HEADER + lines).ljust(SECTOR, b"#")


def _values(block: bytes) -> dict[str, str]:
    if not block.startswith(_HEADER):
        return {}
    found = (_LINE.fullmatch(line) for line in block.split(b"\n"))
    return {match[1].decode(): match[2].decode() for match in found if match}
