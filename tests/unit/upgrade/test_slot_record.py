"""The record of slots, as the boot loader reads it: its own words in blocks of a sector, each with its hash."""

import hashlib

import pytest

from firmware.upgrade import slot_record
from firmware.upgrade.slot_record import NO_RECORD, SECTOR, SlotRecord, SlotTrust

TRIAL = slot_record.put_on_trial(NO_RECORD, "b")


def test_a_slot_is_bad_then_on_trial_then_proved() -> None:
    bad = slot_record.mark_bad(NO_RECORD, "b")
    assert bad == SlotRecord(("a", "b"), SlotTrust(True), SlotTrust(False))
    trial = slot_record.put_on_trial(bad, "b")
    assert trial == SlotRecord(("b", "a"), SlotTrust(True), SlotTrust(False, 3))
    assert slot_record.prove(trial, "b") == SlotRecord(("b", "a"), SlotTrust(True), SlotTrust(True))


def test_the_slot_that_starts_next_is_the_first_that_may() -> None:
    assert NO_RECORD.primary == "a"
    assert TRIAL.primary == "b"
    assert TRIAL.with_trust("b", SlotTrust(False, 0)).primary == "a"


@pytest.mark.parametrize("record", [NO_RECORD, TRIAL, slot_record.mark_bad(NO_RECORD, "a")])
def test_what_is_written_is_read(record: SlotRecord) -> None:
    block = slot_record.choice_block(record)
    copy = block + slot_record.hash_line(block, "(hd0)1+1")
    assert len(copy) == 2 * SECTOR
    found = slot_record.parse_choice(copy, "(hd0)1+1")
    assert found is not None and found.order == record.order
    assert [found.trust(slot).is_proved for slot in "ab"] == [record.trust(slot).is_proved for slot in "ab"]
    assert slot_record.parse_tries(slot_record.tries_block(record)) == {"a": record.a.tries, "b": record.b.tries}


def test_the_blocks_are_the_boot_loaders_own_format() -> None:
    block = slot_record.choice_block(TRIAL)
    assert block.rstrip(b"#") == b"# GRUB Environment Block\norder=b a\na_ok=1\nb_ok=0\n"
    assert slot_record.tries_block(TRIAL).rstrip(b"#") == b"# GRUB Environment Block\na_tries=0\nb_tries=3\n"
    line = slot_record.hash_line(block, "NAME")
    assert line.strip().decode() == f"{hashlib.sha256(block).hexdigest()}  NAME" and len(line) == SECTOR


@pytest.mark.parametrize("at", [0, 30, SECTOR - 1, SECTOR, 2 * SECTOR - 2])
def test_a_copy_with_one_wrong_byte_is_none(at: int) -> None:
    block = slot_record.choice_block(TRIAL)
    copy = bytearray(block + slot_record.hash_line(block, "x"))
    copy[at] ^= 1
    assert slot_record.parse_choice(bytes(copy), "x") is None


@pytest.mark.parametrize("copy", [b"", bytes(2 * SECTOR), b"\xff" * 2 * SECTOR])
def test_what_is_no_copy_is_none(copy: bytes) -> None:
    assert slot_record.parse_choice(copy, "x") is None


def test_a_copy_of_another_place_is_none() -> None:
    block = slot_record.choice_block(TRIAL)
    assert slot_record.parse_choice(block + slot_record.hash_line(block, "there"), "here") is None


@pytest.mark.parametrize("block", [b"", bytes(SECTOR), b"# GRUB Environment Block\nb_tries=9\n", b"b_tries=3\n"])
def test_a_slot_without_tries_that_can_be_read_has_none(block: bytes) -> None:
    assert slot_record.parse_tries(block) == {"a": 0, "b": 0}


def test_that_the_flash_was_not_read_is_known_until_the_trial_is_decided() -> None:
    """In the block that the boot loader reads, which takes no notice of it."""
    trial = slot_record.put_on_trial(NO_RECORD, "b", unread_flash=True)
    block = slot_record.choice_block(trial)
    copy = block + slot_record.hash_line(block, "x")
    found = slot_record.parse_choice(copy, "x")
    assert found is not None and found.unread_flash and b"flash=unread\n" in block and len(block) == slot_record.SECTOR
    for change in (slot_record.prove, slot_record.mark_bad, slot_record.put_on_trial):
        assert not change(trial, "b").unread_flash
        assert b"flash" not in slot_record.choice_block(change(trial, "b"))
