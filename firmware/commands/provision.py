"""The program `provision`: at a station of the factory, it gives units their identity over their serial lines."""

from firmware.commands.cli import Verbs

_RUN, _RECORDS = "firmware.commands.provision_run", "firmware.commands.provision_records"
_OPTIONS = "--records DIR --key KEY [--labels DIR] [--summary FILE] [--dry-run] [--json]"
_ABOUT_OPTIONS = """\
Repeating the command completes what was interrupted, and leaves alone what is done.

  --records DIR   the directory of the records; it is made if it is not there
  --key KEY       the factory's private ssh key, or its public one if an agent has the private one
  --labels DIR    draw labels there, SERIAL.pdf and SERIAL.png
  --summary FILE  write how it ended with each unit, as CSV
  --dry-run       check input, records and key, and touch no unit
  --json          print how it ended as JSON
"""
_ABOUT_FIELDS = """\
needed:   serial, model, mac (of eth0, eth1, …), host_name, address, network, port, and password, password_hash or ssh_keys
optional: gateway, interface, timezone, cables, links, pair (the serial number of the other unit)"""

VERBS: Verbs = {
    "run": (
        f"{_RUN}:run",
        f"UNIT.toml [--port LINE] {_OPTIONS}",
        "provision one unit: test it, give it its identity, lock it, write its record\n"
        f"{_ABOUT_OPTIONS}  --port LINE     its serial line, in place of that in the file\n\n"
        f'UNIT.toml has lines KEY = "VALUE"; a list of texts for several values. The keys are\n{_ABOUT_FIELDS}',
    ),
    "batch": (
        f"{_RUN}:batch",
        f"UNITS.csv… {_OPTIONS}",
        "provision many units at once, each at its own line; what fails there is told there, and the others go on\n"
        f"{_ABOUT_OPTIONS}\nUNITS.csv has a line with the names of its columns, then one for each unit. The columns are\n"
        f"{_ABOUT_FIELDS}\nBlanks stand between several values; semicolons between ssh_keys.",
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
        "draw the label of a unit anew, as SERIAL.pdf and SERIAL.png\n"
        "They are left in DIR of --out, or else in the directory where you are.",
    ),
}
