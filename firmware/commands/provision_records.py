"""`provision show`, `provision verify` and `provision label`: what is recorded of the units."""

import json
import sys
from pathlib import Path

from firmware.commands.cli import parse_arguments
from firmware.errors import Failure
from firmware.station import label, verify
from firmware.station.ledger import Ledger
from firmware.station.unit_record import UnitRecord


def show(argv: list[str]) -> int:
    """Print a line for each record, or the whole one of a unit."""
    words, options = parse_arguments(argv, "DIR [SERIAL]", flags=("--json",))
    kept = Ledger(Path(words[0]))
    found = [_find(kept, words[1])] if words[1:] else list(kept.all())
    if "--json" in options:
        bodies = [json.loads(record.dump()) for record in found]
        print(json.dumps(bodies[0] if words[1:] else bodies, indent=2))
        return 0
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
        words = json.dumps(step["answer"])
        print(f"        {step['step']:<12} {words}")


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
    record, place = _find(Ledger(Path(top)), serial), Path(options.get("--out", "."))
    pdf, png = (place / f"{record.serial}.{kind}" for kind in ("pdf", "png"))
    label.write(label.label_of(record), pdf, png)
    print(f"{pdf}\n{png}")
    return 0


def _find(kept: Ledger, serial: str) -> UnitRecord:
    if record := kept.find(serial):
        return record
    raise Failure(f"{kept.top}: it has no record of {serial}", f"provision show {kept.top}")
