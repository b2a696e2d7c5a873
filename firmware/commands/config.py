"""The program `config`: edits config.rc, and saves what is below /etc to flash."""

from firmware.commands.cli import Verbs

_EDIT, _SAVE = "firmware.commands.config_edit", "firmware.commands.config_save"

VERBS: Verbs = {
    "get": (f"{_EDIT}:get", "SERVICE[.INSTANCE] KEY", "the value of a directive"),
    "add": (
        f"{_EDIT}:add",
        "SERVICE[.INSTANCE] [KEY VALUE…]",
        "add one more directive; where there is no block of the service, it makes one\n"
        "Without KEY it makes an empty block, at the end of config.rc: it starts after the others at a boot.\n"
        "`service help SERVICE` lists the directives.",
    ),
    "del": (
        f"{_EDIT}:delete",
        "SERVICE[.INSTANCE] [KEY [VALUE…]]",
        "take a directive away; without KEY, the block",
    ),
    "set": (f"{_EDIT}:assign", "SERVICE[.INSTANCE] KEY VALUE…", "set a directive; `autostart on|off` too"),
    "show": (f"{_EDIT}:show", "[SERVICE[.INSTANCE]] [--json]", "the block as text, or parsed"),
    "check": (f"{_EDIT}:check", "[FILE]", "every error in one run, as FILE:LINE: …"),
    "changes": (f"{_SAVE}:changes", "[-q] [--json]", "paths below /etc that differ from what is saved"),
    "diff": (
        f"{_SAVE}:diff",
        "[saved|factory|N [saved|factory|N]] [--json]",
        "what differs from the last save, the factory or generation N, as a unified diff\n"
        "With two of them: how the second one differs from the first.",
    ),
    "save": (f"{_SAVE}:save", "[-m TEXT] [--json]", "save /etc to flash, as a new generation"),
    "history": (f"{_SAVE}:history", "[--json]", "the saved generations"),
    "rollback": (
        f"{_SAVE}:rollback",
        "N",
        "put generation N below /etc; apply and save it then\n"
        "`service list` says which services need apply; `config save` makes it last.",
    ),
    "restore": (f"{_SAVE}:restore_", "", "put what is saved below /etc, as at boot"),
    "export": (
        f"{_SAVE}:export",
        "FILE|- [--secrets]",
        "what is saved, as one archive\n"
        "Private keys and password hashes are only in it with --secrets. It is encrypted then, with a passphrase that is read\n"
        "from the terminal, or as one line from standard input.",
    ),
    "import": (
        f"{_SAVE}:import_",
        "FILE|- [--force] [--json]",
        "take such an archive as a new generation\n"
        "It says which accounts, keys and commands differ from what is saved. --force takes another node's archive, too.\n"
        "Of an encrypted one it asks for the passphrase. Files that were left out of an export stay as they are saved here.",
    ),
    "digest": (
        "firmware.commands.config_digest:digest",
        "[PATH…] [--json]",
        "XXH3-128 of files, a line each as `xxhsum -c` reads them\n"
        "Of a directory, all files below it; without PATH, what a save would keep below /etc.",
    ),
    "reset": (f"{_SAVE}:reset", "--yes", "back to the factory /etc; saved generations are kept"),
}
