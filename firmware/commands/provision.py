"""The program `provision`: at a station of the factory, it gives units their identity over their serial lines."""

from firmware.commands.cli import Verbs

_RUN, _RECORDS = "firmware.commands.provision_run", "firmware.commands.provision_records"
_OPTIONS = "--records DIR --key KEY [--labels DIR] [--summary FILE] [--dry-run] [--json]"

VERBS: Verbs = {
    "run": (
        f"{_RUN}:run",
        f"UNIT.toml [--port LINE] {_OPTIONS}",
        "provision one unit: test it, give it its identity, lock it, write its record\n"
        "Repeating the command completes what was interrupted. DIR holds the records, KEY is the factory's ssh key.",
    ),
    "batch": (
        f"{_RUN}:batch",
        f"UNITS.csv… {_OPTIONS}",
        "provision many units at once, each at its own line; what fails there is told there, and the others go on",
    ),
    "show": (f"{_RECORDS}:show", "DIR [SERIAL] [--json]", "the records in DIR, or the one of a unit"),
    "verify": (
        f"{_RECORDS}:check",
        "DIR [--signers FILE] [--head FILE] [--json]",
        "check all records: what was edited, lost, reordered or invented\n"
        "FILE of --signers holds the factory's public keys, as the ALLOWED SIGNERS of ssh-keygen; without it, those in DIR\n"
        "itself are believed. FILE of --head is a head-N.json with its .sig that was kept elsewhere.",
    ),
    "label": (
        f"{_RECORDS}:draw",
        "DIR SERIAL [--out DIR]",
        "draw the label of a unit anew, as SERIAL.pdf and SERIAL.png",
    ),
}
