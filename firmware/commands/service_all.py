"""`service list|boot|shutdown`: all services at once."""

import time
from collections.abc import Mapping

from firmware.commands.cli import words
from firmware.rc import document
from firmware.rc.document import Block
from firmware.services import applied, catalog, states
from firmware.services.states import ServiceState

Row = Mapping[str, object]


def table(argv: list[str]) -> int:
    """Print every service in file order, then what runs without a block in config.rc."""
    _, options = words(argv, "", flags=("--json",))
    rows = listed()
    if "--json" in options:
        import json

        print(json.dumps(rows, indent=2))
        return 0
    cells = [("SERVICE", "STATE", "PID", "SINCE", "AUTOSTART", ""), *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    for row in cells:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def boot(argv: list[str]) -> int:
    """What init runs once the node is up; exit status 1 if anything failed, but then all the rest was done."""
    from firmware.flows import boot as flow

    words(argv, "")
    return 1 if flow.boot() else 0


def shutdown(argv: list[str]) -> int:
    """What init runs before the node goes down."""
    from firmware.flows import boot as flow

    words(argv, "")
    return 1 if flow.shutdown() else 0


def listed() -> list[Row]:
    """What `service list --json` prints."""
    # A config.rc with errors must not hide what runs: `config check` is there to name them.
    blocks = document.scan(document.load())[0].firsts
    rows = {block.title: row_of(block, states.service_state(block.title)) for block in blocks if block.name}
    return [*rows.values(), *_without_block(set(rows))]


def row_of(block: Block, state: ServiceState) -> Row:
    """One service: `state` is disabled where `no service` says so and it does not run; None is what it does not have."""
    service = catalog.find(block.name)
    return {
        "name": block.name,
        "instance": block.instance,
        "autostart": block.flag("autostart", True),
        "state": "disabled" if state.state == "stopped" and not block.enabled else state.state,
        "pid": state.pid or None,
        "since": state.since or None,
        "needs_apply": service is not None and applied.needs_apply(service, block),
    }


def clock(seconds: float) -> str:
    """A point in time for people; "" for 0."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


def _without_block(known: set[str]) -> list[Row]:
    found: list[Row] = []
    for title in states.started_titles():
        state = states.service_state(title)
        if title not in known and state.state != "stopped":
            name, _, instance = title.partition(".")
            row = {"name": name, "instance": instance, "autostart": False, "state": state.state}
            found.append({**row, "pid": state.pid or None, "since": state.since or None, "needs_apply": True})
    return found


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    title = f"{row['name']}.{row['instance']}" if row["instance"] else str(row["name"])
    since = row["since"] if isinstance(row["since"], float) else 0.0
    pid, autostart = str(row["pid"] or "-"), "yes" if row["autostart"] else "no"
    return title, str(row["state"]), pid, clock(since) or "-", autostart, "needs apply" if row["needs_apply"] else ""
