"""Which slot runs, and what lies in it."""

import os
import subprocess
from pathlib import Path

import pytest

from firmware import locks
from firmware.errors import Failure
from firmware.upgrade import slots


@pytest.mark.parametrize(
    ("words", "running", "tries"),
    [
        ("slot=a console=ttyS0", "a", None),
        ("slot=b trial=0 quiet", "b", 0),
        ("slot=b trial=2", "b", 2),
        ("slot=c", "", None),
        ("quiet", "", None),
    ],
)
def test_the_kernels_command_line_tells_the_slot(tmp_path: Path, words: str, running: str, tries: int | None) -> None:
    cmdline = tmp_path / "cmdline"
    cmdline.write_text(f"BOOT_IMAGE=/boot/vmlinuz {words}\n")
    assert slots.running(cmdline) == running
    assert slots.tries_at_start(cmdline) == tries


def test_an_os_release_tells_version_and_format() -> None:
    found = slots.parse_release('ID=csyncd\nVERSION_ID=0.4.0\n# x\nPRETTY_NAME="a b"\nCSYNCD_CONFIG_FORMAT=2\n')
    assert (found.version, found.config_format, found.fields["PRETTY_NAME"]) == ("0.4.0", 2, "a b")
    assert slots.parse_release("").config_format == 1


def test_a_node_without_slots_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "running", lambda _=None: "")
    with pytest.raises(Failure, match="this node has no slots"):
        slots.require_slots()


def test_a_disk_without_a_record_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "running", lambda _=None: "a")
    with pytest.raises(Failure, match="no partition `record`") as raised:
        slots.require_slots()
    assert "write a new image" in raised.value.hint


@pytest.mark.root
def test_a_slot_is_not_left_mounted_whoever_was_killed_while_he_looked_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    for path in (tmp_path / "empty", place):
        path.mkdir()
    command = ["mksquashfs", tmp_path / "empty", tmp_path / "slot-b", "-quiet", "-no-progress"]
    subprocess.run(command, check=True)
    monkeypatch.setattr(slots, "PLACE", place)
    monkeypatch.setattr(slots, "PARTITIONS", tmp_path)
    monkeypatch.setattr(locks, "OTHER_SLOT", tmp_path / "lock")
    for _ in range(2):
        subprocess.run(["mount", "-t", "tmpfs", "left", place], check=True)
    with slots.mount("b") as root:
        assert os.path.ismount(root)
    assert not os.path.ismount(place)
    with pytest.raises(ValueError), slots.mount("b"):
        raise ValueError
    assert not os.path.ismount(place)
