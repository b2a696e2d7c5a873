"""What was written into a slot is read back from the disk."""

import hashlib
from errno import EIO
from pathlib import Path

import pytest

from firmware.errors import Failure, Refused
from firmware.flows import switch_slot, upgrade
from firmware.sync.audit import Who
from firmware.upgrade import notes, rauc, record_partition, slots
from firmware.upgrade.bundle import Bundle
from firmware.upgrade.decision import Allowed
from firmware.upgrade.slot_record import NO_RECORD


def test_a_slot_that_holds_something_else_is_not_started(tmp_path: Path) -> None:
    device, image = tmp_path / "slot", b"image" * 1000
    bundle = Bundle("pc", "1", (1, 1), 1, len(image), hashlib.sha256(image).hexdigest())
    for data in (image[:-1], image[:-1] + b"!", b""):
        device.write_bytes(data)
        with pytest.raises(Failure, match="not what was written"):
            upgrade.require_written(device, bundle)
    device.write_bytes(image + b"what was there before")
    upgrade.require_written(device, bundle)
    assert upgrade.slot_size(device) == len(image) + 21


def test_a_disk_that_cannot_be_read_back_is_named() -> None:
    """The memory of a process, which has nothing at its beginning, answers as such a disk does."""
    bundle = Bundle("pc", "1", (1, 1), 1, 4096, "")
    with pytest.raises(Failure, match="/proc/self/mem: it cannot be read back: Input/output error") as caught:
        upgrade.require_written(Path("/proc/self/mem"), bundle)
    assert "failing" in caught.value.hint


@pytest.mark.parametrize(
    ("is_touched", "kind", "words"), [(False, Refused, "no room"), (True, Failure, "slot b was not written whole")]
)
def test_what_was_refused_before_it_was_written_is_not_what_broke_off(
    is_touched: bool, kind: type[Failure], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has changed after a refusal (exit status 3), and that is not so once the slot is written. The flash can note
    nothing, and tells nothing; nor does what an earlier upgrade has left."""
    record, read, write = tmp_path / "record", record_partition.read, record_partition.write
    record.write_bytes(record_partition.image(NO_RECORD))
    monkeypatch.setattr(record_partition, "read", lambda _=None: read(record))
    monkeypatch.setattr(record_partition, "write", lambda new, _=None: write(new, record))
    monkeypatch.setattr(slots, "require_slots", lambda: "a")
    for name in ("BEGUN", "SLOTS"):
        monkeypatch.setattr(switch_slot, name, tmp_path / name)
    monkeypatch.setattr(notes, "hold_flash", fail)
    switch_slot.mark_bad("b")

    def install(path: Path, slot: str, size: int, *, other_model: bool) -> None:
        if is_touched:
            switch_slot.mark_bad("b")
        raise Refused("the bundle is not installed: no room")

    monkeypatch.setattr(rauc, "install", install)
    with pytest.raises(Failure, match=words) as raised:
        upgrade.write_slot(tmp_path / "bundle", "a", 1, other_model=False)
    assert type(raised.value) is kind


def fail(**_: object) -> None:
    raise OSError(EIO, "Input/output error", "/flash")


@pytest.mark.parametrize("where", ["require_proved", "set_primary", "mark_bad"])
def test_an_upgrade_that_ends_by_an_error_of_the_system_is_in_the_trail_and_in_words(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[dict[str, object]] = []
    bundle = Bundle("pc", "99.0", (1, 1), 1, 4, "")
    monkeypatch.setattr(slots, "require_slots", lambda: "a")
    monkeypatch.setattr(slots, "device", lambda slot: tmp_path / slot)
    (tmp_path / "b").write_bytes(bytes(9))
    monkeypatch.setattr(upgrade, "OTHER_SLOT", tmp_path / "lock")
    monkeypatch.setattr(upgrade, "NEXT_SLOT", tmp_path / "next slot")
    monkeypatch.setattr(upgrade, "require_written", lambda *_: None)
    monkeypatch.setattr(rauc, "read", lambda _: bundle)
    monkeypatch.setattr(rauc, "model", lambda: "pc")
    monkeypatch.setattr(upgrade, "write_slot", lambda *_, **__: switch_slot.mark_bad("b"))
    monkeypatch.setattr(upgrade.audit, "note", lambda event, **words: noted.append({"event": event, **words}))
    for name in ("require_proved", "set_primary", "mark_bad"):
        monkeypatch.setattr(switch_slot, name, lambda *_, **__: None)
    monkeypatch.setattr(switch_slot, where, lambda *_, **__: fail())
    with pytest.raises(Failure, match="/flash: Input/output error"):
        upgrade.install(tmp_path, Allowed(), peer=None, who=Who("me"), tell=lambda _: None)
    (line,) = noted
    assert (line["event"], line["result"], line["slot"]) == ("upgrade", "failed", "b")
    assert line["message"] == "/flash: Input/output error"
