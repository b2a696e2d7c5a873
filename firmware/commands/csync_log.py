"""`csync log`: the audit trail, for people an entry with its details below it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from firmware.commands.cli import parse_arguments
from firmware.commands.csync_peer import moment
from firmware.printable import escape
from firmware.sync import audit

#: what the first line of an entry says
_HEAD = ("time", "event", "result", "service", "to", "who", "from", "key")
#: what is said without its name
_PLAIN = ("message", "files")


def log(argv: list[str]) -> int:
    """Print the audit trail, oldest first."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    trail = audit.entries()
    if "--json" in options:
        print(json.dumps(trail, indent=2))
        return 0
    for entry in trail:
        print(_head(entry))
        for line in _details(entry):
            print(f"    {escape(line)}")
    return 0


def _head(entry: Mapping[str, Any]) -> str:
    about = [entry.get("service", ""), entry.get("to") and f"to {entry['to']}", f"by {entry['who']}"]
    about += [entry["from"] and f"at {entry['from']}", entry["key"] and f"with {entry['key']}"]
    rest = escape(" ".join(word for word in about if word))
    return f"{moment(entry['time'])}  {entry['event']:<16}  {entry['result']:<11}  {rest}"


def _details(entry: Mapping[str, Any]) -> Iterator[str]:
    rest = {key: value for key, value in entry.items() if key not in _HEAD and value}
    before, after = rest.pop("before", ""), rest.pop("after", "")
    for key, value in rest.items():
        lines = value if isinstance(value, list) else str(value).splitlines()
        yield from lines if key in _PLAIN else (f"{key}: {line}" for line in lines)
    if before or after:
        yield f"{before} before"
        yield f"{after} after"
