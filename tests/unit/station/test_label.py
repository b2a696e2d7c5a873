"""The label is read again, as a scanner does it, from both of its files."""

import subprocess
import sys
from pathlib import Path

import cairo
import pytest
import zbar

from firmware.errors import Failure
from firmware.station import label
from firmware.station.label import Label, label_of
from firmware.station.unit_record import NOTHING, UnitRecord

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBprd3dfuKB5v0+WWeJ8bhTmMiXWLACG+xJQA9NdkOYf"
MACS = ["02:00:5e:00:00:01", "02:00:5e:01:00:01"]


def record(model: str = "ALB-2000", macs: list[str] = MACS) -> UnitRecord:
    """A record with what a label needs."""
    steps = [{"step": "keys", "answer": {"ssh_host": KEY}}]
    return UnitRecord(
        17, NOTHING, "2026-11-28T08:00:00Z", {"serial": "ALB2000-0042", "model": model, "macs": macs}, {}, steps
    )


def codes_in(width: int, height: int, grey: bytes) -> list[str]:
    """The QR codes in a picture of 8 bits a pixel."""
    image = zbar.Image(width, height, "Y800", grey)
    zbar.ImageScanner().scan(image)
    return [symbol.data for symbol in image]


def codes_of_png(path: Path) -> list[str]:
    surface = cairo.ImageSurface.create_from_png(str(path))
    data, stride = bytes(surface.get_data()), surface.get_stride()
    rows = [data[row * stride : row * stride + surface.get_width() * 4 : 4] for row in range(surface.get_height())]
    return codes_in(surface.get_width(), surface.get_height(), b"".join(rows))


def codes_of_pdf(path: Path) -> list[str]:
    drawn = subprocess.run(["pdftoppm", "-gray", "-r", "300", path], capture_output=True, check=True).stdout
    kind, size, most, grey = drawn.split(b"\n", 3)
    assert (kind, most) == (b"P5", b"255")
    width, height = map(int, size.split())
    return codes_in(width, height, grey)


def test_both_files_show_the_code(tmp_path: Path) -> None:
    made = label_of(record())
    label.write(made, tmp_path / "a.pdf", tmp_path / "a.png")
    assert codes_of_png(tmp_path / "a.png") == codes_of_pdf(tmp_path / "a.pdf") == [made.code]
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", "-"], input=KEY, capture_output=True, text=True
    ).stdout.split()[1]
    assert made.code.splitlines() == [
        "MODEL ALB-2000", "SERIAL ALB2000-0042", *(f"MAC {mac}" for mac in MACS), f"SSH {fingerprint}", "RECORD 17",
    ]  # fmt: skip


def test_people_read_serial_number_and_address_on_the_pdf(tmp_path: Path) -> None:
    label.write(label_of(record()), tmp_path / "a.pdf", tmp_path / "a.png")
    said = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert "ALB2000-0042" in said and MACS[0] in said and "ALB-2000" in said


def test_the_longest_words_fit(tmp_path: Path) -> None:
    macs = [f"02:00:5e:00:00:{number:02x}" for number in range(24)]
    made = label_of(record("M" * 48, macs))
    label.write(made, tmp_path / "a.pdf", tmp_path / "a.png")
    assert codes_of_png(tmp_path / "a.png") == codes_of_pdf(tmp_path / "a.pdf") == [made.code]


@pytest.mark.parametrize("name", ["cairo", "segno"])
def test_a_library_that_is_missing_is_named_with_its_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Failure, match=name) as caught:
        label.draw_png(Label(("a", "b"), "c"))
    assert caught.value.hint == f"apt install python3-{name}"
