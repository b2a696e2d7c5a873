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
        "make the service on the peer what is applied here; with --confirm, it puts that back unless confirmed in time",
    ),
    "confirm": (f"{_PEER}:confirm", "[--json]", "keep what a push --confirm applied on the peer"),
    "save": (f"{_PEER}:save", "[--json]", "have the peer save its running configuration"),
    "status": (f"{_PEER}:status", "[--json]", "red, orange or green, and why"),
    "check": (f"{_CHECK}:check", "[--json]", "the troubleshooting list: passed, failed, what to do"),
    "log": ("firmware.commands.csync_log:log", "[--json]", "what was pushed, saved or refused, here and from the peer"),
}
