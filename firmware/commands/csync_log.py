"""`csync log`: the audit trail, for people an entry with its details below it."""

import json
import sys
from collections.abc import Iterator

from firmware.commands.cli import local_time, parse_arguments
from firmware.operations import trail
from firmware.operations.trail import TrailEntry
from firmware.printable import escape

#: details that the first line of an entry says
_HEAD = ("service", "to")
#: details that are said without their names
_PLAIN = ("message", "files")


def log(argv: list[str]) -> int:
    """Print the audit trail, oldest first."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    found = trail.read()
    for problem in found.problems:
        print(f"csync log: {escape(problem)}", file=sys.stderr)
    if "--json" in options:
        print(json.dumps([entry.json() for entry in found.entries], indent=2))
        return 0
    for entry in found.entries:
        print(_head(entry))
        for line in _detail_lines(entry):
            print(f"    {escape(line)}")
    return 0


def _head(entry: TrailEntry) -> str:
    who, to = entry.who, entry.details.get("to")
    about = [entry.details.get("service", ""), to and f"to {to}", f"by {who.account}"]
    about += [who.origin and f"at {who.origin}", who.key and f"with {who.key}"]
    rest = escape(" ".join(word for word in about if word))
    return f"{local_time(entry.time)}  {entry.event:<16}  {entry.result:<11}  {rest}"


def _detail_lines(entry: TrailEntry) -> Iterator[str]:
    rest = {key: value for key, value in entry.details.items() if key not in _HEAD and value}
    before, after = rest.pop("before", ""), rest.pop("after", "")
    for key, value in rest.items():
        lines = value if isinstance(value, list) else str(value).splitlines()
        yield from lines if key in _PLAIN else (f"{key}: {line}" for line in lines)
    if before or after:
        yield f"{before} before"
        yield f"{after} after"
