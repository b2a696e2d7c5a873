"""Opening the line again takes somebody at the console."""

import os
from pathlib import Path

import pytest

from firmware.errors import Refused
from firmware.operations import provisioning_port


def stat_file(path: Path, device: int) -> Path:
    path.write_text(f"42 (a ) b) S 1 42 42 {device} 42 0")
    return path


@pytest.mark.parametrize("device", [0, os.makedev(136, 0), os.makedev(4, 65), os.makedev(5, 1), os.makedev(4, 0)])
def test_no_other_terminal_is_a_console(tmp_path: Path, device: int) -> None:
    """Nobody's, that of ssh or the web terminal, the factory's own line, whatever /dev/console is."""
    with pytest.raises(Refused, match="not its console"):
        provisioning_port.require_console(stat_file(tmp_path / "stat", device))


def test_what_is_typed_has_to_come_from_there(tmp_path: Path) -> None:
    outer, inner = os.openpty()
    try:
        with pytest.raises(Refused, match="does not come from ttyS0"):
            provisioning_port.require_console(stat_file(tmp_path / "stat", os.makedev(4, 64)), inner)
    finally:
        os.close(outer)
        os.close(inner)


def test_the_console_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = os.openpty()
    try:
        device = os.fstat(inner).st_rdev
        monkeypatch.setattr(provisioning_port, "CONSOLES", {device: "ttyS0"})
        assert provisioning_port.require_console(stat_file(tmp_path / "stat", device), inner) == "ttyS0"
    finally:
        os.close(outer)
        os.close(inner)


def test_another_code_changes_nothing() -> None:
    with pytest.raises(Refused, match="not the code"):
        provisioning_port.open_again("123456", "123457", who=provisioning_port.Who("root"))
