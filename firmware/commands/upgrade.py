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
        "FILE|URL|- [--downgrade] [--other-model] [--other-protocols] [--reboot] [--json]",
        "install a bundle into the slot that does not run\nIt starts at the next reboot, on trial.\n-: the address is read from "
        "the terminal, or as one line from standard input: whoever can list programs does not see it there.\n--downgrade: even "
        "if it is not newer than the version that runs.\n--other-model: even if it is for another model.\n--other-protocols: "
        "even if it could not talk to the peer.\n--reboot: reboot once it is installed.",
    ),
    "confirm": (
        f"{_SLOTS}:confirm",
        "",
        "keep the slot that runs, now\nOne that has just been installed is kept by itself as soon as all works. What "
        "everybody is told of the slots, such as an upgrade that was given up, is told no more: this says that you know. "
        "If the slot that comes first could not be started, the one that runs comes first from now on.",
    ),
    "rollback": (
        f"{_SLOTS}:rollback",
        "[--force]",
        "start the other slot again\n--force: even if it has not proved itself; it is then on trial.",
    ),
}
