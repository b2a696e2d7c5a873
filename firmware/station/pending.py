"""What is known of a unit before its record is there: written before it is locked, since a locked unit tells nothing more than
who it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import files, records
from firmware.errors import Damaged

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pending:
    """All of a record but its place in the chain."""

    order: dict[str, Any]
    unit: dict[str, Any]
    steps: list[dict[str, Any]]


def path_of(top: Path, serial: str) -> Path:
    """Where it lies, in a ledger's directory."""
    return top / "pending" / f"{serial}.json"


def write(top: Path, pending: Pending) -> None:
    """Keep it, durably."""
    body = {"order": pending.order, "unit": pending.unit, "steps": pending.steps}
    files.write(path_of(top, str(pending.order["serial"])), records.dump(body, FORMAT, indent=2), mode=0o644)


def read(top: Path, serial: str) -> Pending | None:
    """What is kept of a unit; None for nothing, or for what is damaged: then the unit has to be asked."""
    path = path_of(top, serial)
    try:
        body = records.load(path.read_bytes(), FORMAT, str(path))
        with records.interpreting(str(path)):
            order, unit = (records.typed_value(body, name, dict) for name in ("order", "unit"))
            return Pending(order, unit, records.typed_value(body, "steps", list))
    except (FileNotFoundError, Damaged):
        return None


def remove(top: Path, serial: str) -> None:
    """Its record is there."""
    path_of(top, serial).unlink(missing_ok=True)
