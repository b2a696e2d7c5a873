"""What was written into a slot is read back from the disk."""

import hashlib
from pathlib import Path

import pytest

from firmware.errors import Failure
from firmware.flows import upgrade
from firmware.upgrade.bundle import Bundle


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
