"""The program `csync`: keys, and what this node does with its peer."""

from firmware.commands.cli import Verbs

_KEYS, _PEER, _CHECK = "firmware.commands.csync_keys", "firmware.commands.csync_peer", "firmware.commands.csync_check"

VERBS: Verbs = {
    "genkey": (f"{_KEYS}:genkey", "", "make this node's host and user keys; refused while csyncd runs"),
    "keys": (f"{_KEYS}:show", "[--json]", "this node's public keys, fingerprints and pairing code"),
    "getkey": (
        f"{_KEYS}:getkey",
        "[--code CODE]",
        "fetch the peer's public keys; stored once confirmed, or if CODE is theirs",
    ),
    "diff": (
        f"{_PEER}:diff",
        "SERVICE[.INSTANCE] [--json]",
        "what a push would change on the peer; nothing is changed",
    ),
    "push": (
        f"{_PEER}:push",
        "SERVICE[.INSTANCE] [--force] [--confirm SECONDS] [--json]",
        "make the service on the peer what is applied here\n"
        "--force overwrites what changed on the peer since the last sync, as it was shown last, and nothing newer.\n"
        "--confirm: the peer puts everything back after SECONDS (1 to 3600) unless `csync confirm` comes before.\n"
        "--json prints the report, whatever came of it.",
    ),
    "confirm": (f"{_PEER}:confirm", "[--json]", "keep what a push --confirm applied on the peer; run it here"),
    "undo": (
        f"{_PEER}:undo",
        "[--json]",
        "put back now what a peer's push --confirm left waiting here\n"
        "Run it on the node that received the push. It works while csyncd is stopped, too.",
    ),
    "save": (
        f"{_PEER}:save",
        "[--json]",
        "have the peer save its running configuration\nIt saves all that is unsaved there, and prints the paths.",
    ),
    "status": (
        f"{_PEER}:status",
        "[--json]",
        "red, orange or green, and why\nThe exit status is 0 whatever the colour: scripts look at `state` of --json.",
    ),
    "check": (f"{_CHECK}:check", "[--json]", "the troubleshooting list: passed, failed, what to do"),
    "log": ("firmware.commands.csync_log:log", "[--json]", "what was pushed, saved or refused, here and from the peer"),
}
