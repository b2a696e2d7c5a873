"""What was written into a slot is read back from the disk."""

import hashlib
from pathlib import Path

import pytest

from firmware.errors import Failure, Refused
from firmware.flows import upgrade
from firmware.upgrade import notes, rauc
from firmware.upgrade.bundle import Bundle
from firmware.upgrade.notes import Outcome


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
    """Nothing has changed after a refusal (exit status 3), and that is not so once the slot is written."""
    noted = [Outcome(notes.CONFIRMED, "a", "1", (), 1.0)]
    monkeypatch.setattr(notes, "read_outcome", lambda: noted[-1])

    def install(path: Path, slot: str, size: int, *, other_model: bool) -> None:
        if is_touched:
            noted.append(Outcome(notes.BEGUN, "b", "", (), 2.0))
        raise Refused("the bundle is not installed: no room")

    monkeypatch.setattr(rauc, "install", install)
    with pytest.raises(Failure, match=words) as raised:
        upgrade.write_slot(tmp_path / "bundle", "a", 1, other_model=False)
    assert type(raised.value) is kind
