"""The program `upgrade`: the two slots of this unit, and what is written into the one that does not run."""

from firmware.commands.cli import Verbs

_SLOTS = "firmware.commands.upgrade_slots"

VERBS: Verbs = {
    "status": (
        f"{_SLOTS}:status",
        "[--json]",
        "which slot runs, what lies in both, and what became of the last upgrade",
    ),
    "install": (
        "firmware.commands.upgrade_install:install",
        "FILE|URL [--downgrade] [--other-model] [--other-protocols] [--reboot] [--json]",
        "install a bundle into the slot that does not run",
    ),
    "confirm": (
        f"{_SLOTS}:confirm",
        "",
        "keep the slot that runs, now\nOne that has just been installed is kept by itself as soon as all works. If an upgrade "
        "was given up, this says that you know.",
    ),
    "rollback": (
        f"{_SLOTS}:rollback",
        "[--force]",
        "start the other slot again\n--force: even if it has not proved itself; it is then on trial.",
    ),
}
