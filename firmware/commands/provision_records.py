"""`provision show`, `provision verify` and `provision label`: what is recorded of the units."""

import json
import sys
from pathlib import Path
from typing import Any

from firmware.commands.cli import parse_arguments
from firmware.errors import Failure
from firmware.station import host, label, verify
from firmware.station.ledger import Ledger
from firmware.station.unit_record import UnitRecord


def show(argv: list[str]) -> int:
    """Print a line for each record, or the whole one of a unit."""
    words, options = parse_arguments(argv, "DIR [SERIAL]", flags=("--json",))
    kept = _open(words[0])
    found = [_find(kept, words[1])] if words[1:] else list(kept.all())
    if "--json" in options:
        bodies = [json.loads(record.dump()) for record in found]
        print(json.dumps(bodies[0] if words[1:] else bodies, indent=2))
        return 0
    if not found:
        print(f"{kept.top}: no unit has a record there yet", file=sys.stderr)
    for record in found:
        order = record.order
        about = f"{record.serial}  {order['model']}  {order['host_name']}  {' '.join(order['macs'])}"
        print(f"{record.number:6}  {record.made}  {about}")
        if words[1:]:
            _show_whole(record)
    return 0


def _show_whole(record: UnitRecord) -> None:
    network = record.order["network"].rpartition("/")[2]
    print(
        f"        {record.order['address']}/{network}, firmware {record.unit['version']}, locked {record.unit['locked_at']}"
    )
    for step in record.steps:
        for number, line in enumerate(_lines(step["answer"])):
            print(f"        {'' if number else step['step']:<12} {line}")


def _lines(answer: dict[str, Any]) -> list[str]:
    """What a step found, for people: a line for each of its values that says something."""
    values = {name: value for name, value in answer.items() if value not in ("", [])}
    return [line for name, value in values.items() for line in _value_lines(name.replace("_", " "), value)] or ["done"]


def _value_lines(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and isinstance(value[0], dict):
        return [f"{name[:-1]}: {_row_words(row)}" for row in value]
    if isinstance(value, bool):
        value = "yes" if value else "no"
    said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return [f"{name}: {line.strip()}" for line in said.splitlines()]


def _row_words(row: dict[str, Any]) -> str:
    """A test with its outcome, a port, an address: its words one after the other."""
    if "passed" in row:
        return f"{row['name']}: {'passed' if row['passed'] else 'FAILED'}: {row['words']} ({row['seconds']} s)"
    first = {name: row[name] for name in ("name", "port") if name in row}
    return ", ".join(
        name if value is True else str(value) for name, value in (first | row).items() if value not in ("", False)
    )


def check(argv: list[str]) -> int:
    """Check all records; exit status 1 where something is wrong."""
    (top,), options = parse_arguments(argv, "DIR", flags=("--json",), values=("--signers", "--head"))
    signers, copy = (Path(options[name]) if name in options else None for name in ("--signers", "--head"))
    found = verify.verify(Path(top), signers, copy)
    if "--json" in options:
        head = {"count": found.head.count, "last": found.head.last} if found.head else None
        lists = {"signers": found.signers, "problems": found.problems, "notes": found.notes}
        print(json.dumps({"records": found.count, "head": head, **lists}, indent=2))
    else:
        print("\n".join(found.problems or (f"{found.count} records: all are as they were signed",)))
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if signers is None:
        print(
            f"note: {top} itself says who may sign: {', '.join(found.signers)}; compare, or name --signers",
            file=sys.stderr,
        )
    return int(bool(found.problems))


def draw(argv: list[str]) -> int:
    """Draw the label of a unit."""
    (top, serial), options = parse_arguments(argv, "DIR SERIAL", values=("--out",))
    record, place = _find(_open(top), serial), Path(options.get("--out", "."))
    pdf, png = (place / f"{record.serial}.{kind}" for kind in ("pdf", "png"))
    try:
        label.write(label.label_of(record), pdf, png)
    except OSError as error:
        raise host.describe(error) from None
    print(f"{pdf}\n{png}")
    return 0


def _open(top: str) -> Ledger:
    if Path(top).is_dir():
        return Ledger(Path(top))
    raise Failure(f"{top}: there is no such directory", "name the directory of the records")


def _find(kept: Ledger, serial: str) -> UnitRecord:
    if record := kept.find(serial):
        return record
    raise Failure(f"{kept.top}: it has no record of {serial}", f"provision show {kept.top}")
