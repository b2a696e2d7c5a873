"""The label of a unit: serial number, MAC address, a QR code with both and the fingerprint of its host key, as PDF and PNG.

`segno` makes the QR code and cairo draws; both are for the host alone, and loaded when a label is drawn.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from firmware import files
from firmware.errors import Failure
from firmware.station.unit_record import UnitRecord

#: millimetres
WIDTH, HEIGHT, MARGIN = 70.0, 30.0, 2.5
#: points in a millimetre, and pixels of the PNG in one (300 to the inch)
_POINTS, _PIXELS = 72 / 25.4, 300 / 25.4
_LIBRARIES = {"cairo": "python3-cairo", "segno": "python3-segno"}
#: modules of white around a QR code, as its standard wants them
_QUIET = 4


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on it: lines for people, and the text of the QR code."""

    lines: tuple[str, ...]
    code: str


def label_of(record: UnitRecord) -> Label:
    """The label of a unit with that record."""
    macs = [str(mac) for mac in record.order["macs"]]
    host_key = next((str(step["answer"]["ssh_host"]) for step in record.steps if step["step"] == "keys"), "")
    fingerprint = fingerprint_of(host_key)
    model, serial = str(record.order["model"]), record.serial
    code = [f"MODEL {model}", f"SERIAL {serial}", *(f"MAC {mac}" for mac in macs), f"SSH {fingerprint}"]
    code.append(f"RECORD {record.number}")
    return Label((model, f"S/N {serial}", f"MAC {macs[0]}", f"record {record.number}"), "\n".join(code))


def fingerprint_of(key: str) -> str:
    """SHA256:… of a public key, as `ssh-keygen -l` prints it; "" for none."""
    if not key:
        return ""
    blob = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(blob).decode().rstrip("=")


def write(label: Label, pdf: Path, png: Path) -> None:
    """Write both files; their directory is made. Failure where a library is not on this host."""
    pdf.parent.mkdir(parents=True, exist_ok=True)
    files.write(pdf, draw_pdf(label))
    files.write(png, draw_png(label))


def require_libraries() -> None:
    """Failure where a library is not on this host."""
    for name in _LIBRARIES:
        _load(name)


def draw_pdf(label: Label) -> bytes:
    """A page of the label's own size."""
    import io

    cairo, out = _load("cairo"), io.BytesIO()
    surface = cairo.PDFSurface(out, WIDTH * _POINTS, HEIGHT * _POINTS)
    surface.set_metadata(cairo.PDF_METADATA_TITLE, label.lines[1])
    _draw(label, cairo, surface, _POINTS)
    surface.finish()
    return out.getvalue()


def draw_png(label: Label) -> bytes:
    """The same at 300 dots to the inch."""
    import io

    cairo, out = _load("cairo"), io.BytesIO()
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, round(WIDTH * _PIXELS), round(HEIGHT * _PIXELS))
    _draw(label, cairo, surface, _PIXELS)
    surface.write_to_png(out)
    return out.getvalue()


def _load(name: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise Failure(f"the Python package {name} is not on this host", f"apt install {_LIBRARIES[name]}") from None


def _draw(label: Label, cairo: ModuleType, surface: Any, scale: float) -> None:
    """Draw in millimetres, from the upper left."""
    sheet = cairo.Context(surface)
    sheet.scale(scale, scale)
    sheet.set_source_rgb(1, 1, 1)
    sheet.paint()
    sheet.set_source_rgb(0, 0, 0)
    side = HEIGHT - 2 * MARGIN
    _draw_code(label.code, sheet, MARGIN, side)
    _draw_lines(label.lines, cairo, sheet, side + 2 * MARGIN)


def _draw_code(text: str, sheet: Any, start: float, side: float) -> None:
    segno = _load("segno")
    matrix = segno.make(text, error="m", micro=False).matrix
    module = side / (len(matrix) + 2 * _QUIET)
    for row, line in enumerate(matrix):
        for column, is_dark in enumerate(line):
            if is_dark:
                sheet.rectangle(start + (column + _QUIET) * module, start + (row + _QUIET) * module, module, module)
    sheet.fill()


def _draw_lines(lines: tuple[str, ...], cairo: ModuleType, sheet: Any, left: float) -> None:
    """One below the other, each as large as fits."""
    room, height = WIDTH - left - MARGIN, (HEIGHT - 2 * MARGIN) / len(lines)
    for number, line in enumerate(lines):
        weight = cairo.FONT_WEIGHT_BOLD if number == 1 else cairo.FONT_WEIGHT_NORMAL
        sheet.select_font_face("sans-serif", cairo.FONT_SLANT_NORMAL, weight)
        sheet.set_font_size(4.0)
        sheet.set_font_size(min(4.0, 4.0 * room / sheet.text_extents(line).x_advance))
        sheet.move_to(left, MARGIN + height * (number + 0.65))
        sheet.show_text(line)
