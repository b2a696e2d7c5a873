"""`service list|boot|shutdown`: all services at once."""

from firmware.commands.cli import local_time, parse_arguments
from firmware.operations.service_list import ServiceRow, list_services


def table(argv: list[str]) -> int:
    """Print every service in file order, then what runs without a block in config.rc."""
    _, options = parse_arguments(argv, "", flags=("--json",))
    rows = list_services()
    if "--json" in options:
        import json

        print(json.dumps([row.json() for row in rows], indent=2))
        return 0
    cells = [("SERVICE", "STATE", "PID", "SINCE", "AUTOSTART", ""), *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    for row in cells:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def boot(argv: list[str]) -> int:
    """What init runs once the node is up; exit status 1 if anything failed, but then all the rest was done."""
    from firmware.operations import service_actions

    parse_arguments(argv, "")
    return 1 if service_actions.boot() else 0


def shutdown(argv: list[str]) -> int:
    """What init runs before the node goes down."""
    from firmware.operations import service_actions

    parse_arguments(argv, "")
    return 1 if service_actions.shutdown() else 0


def _cells(row: ServiceRow) -> tuple[str, str, str, str, str, str]:
    pid, autostart = str(row.pid or "-"), "yes" if row.autostart else "no"
    return row.title, row.state, pid, local_time(row.since) or "-", autostart, "needs apply" if row.needs_apply else ""
