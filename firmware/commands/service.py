"""The program `service`: starts, stops and watches services, and brings them all up and down with the node."""

from firmware.commands.cli import Verbs

_ALL, _ONE = "firmware.commands.service_all", "firmware.commands.service_one"

VERBS: Verbs = {
    "list": (f"{_ALL}:table", "[--json]", "every service, and how it is"),
    "boot": (f"{_ALL}:boot", "", "restore what is saved, then start whatever has no `no autostart`"),
    "help": (
        "firmware.commands.service_help:explain",
        "NAME",
        "every directive of a service: type, default, an example",
    ),
    "open-provisioning": (
        "firmware.commands.service_provisioning:open_again",
        "",
        "let the factory's line be used again, from the next boot on: only at this unit's own console",
    ),
    "shutdown": (f"{_ALL}:shutdown", "", "stop every service, the last one first"),
}

ABOUT = "NAME[.INSTANCE]"

LATER: Verbs = {
    "start": (f"{_ONE}:start", "[--confirm [SECONDS]]", "check its configuration and start it; --confirm as for apply"),
    "stop": (f"{_ONE}:stop", "", "stop it"),
    "restart": (f"{_ONE}:restart", "", "check its configuration, then stop and start it"),
    "reload": (f"{_ONE}:reload", "", "have it load its configuration, without an interruption where it can"),
    "status": (f"{_ONE}:status", "[--json]", "how it is; exit status 0 running, 1 dead, 3 not running, 4 unknown"),
    "check": (f"{_ONE}:check", "", "check its configuration as it lies on disk"),
    "apply": (
        f"{_ONE}:apply",
        "[--confirm [SECONDS]]",
        "make its configuration count: checked, and loaded if it runs; with --confirm (network, firewall) the old one comes "
        "back unless it is confirmed in time",
    ),
    "confirm": (f"{_ONE}:confirm", "", "keep what was applied with --confirm"),
    "undo": (f"{_ONE}:undo", "", "put back now what was there before --confirm"),
    "revert": (f"{_ONE}:revert", "", "put back the configuration that was applied last"),
}
