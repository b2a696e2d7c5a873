"""`csync check`: the troubleshooting list, item by item: passed or failed, and what to do."""

import json

from firmware.commands.cli import parse_arguments
from firmware.operations.checklist import check_pair


def check(argv: list[str]) -> int:
    """Go through the list; exit status 0 if everything passed, 1 otherwise."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    items = check_pair()
    if "--json" in options:
        print(json.dumps([item.json() for item in items], indent=2))
    else:
        for item in items:
            print(f"{'passed' if item.passed else 'FAILED'}  {item.item}" + (f": {item.found}" if item.found else ""))
            if not item.passed and item.remedy:
                print(f"        do: {item.remedy}")
    return 0 if all(item.passed for item in items) else 1
