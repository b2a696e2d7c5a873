"""`upgrade install`: a bundle into the slot that does not run."""

import json
import sys
from dataclasses import asdict

from firmware.commands import operator_identity
from firmware.commands.cli import parse_arguments
from firmware.commands.secret_input import read_secret
from firmware.operations import power, upgrade_install
from firmware.upgrade.decision import Allowed

FLAGS = ("--downgrade", "--other-model", "--other-protocols", "--reboot", "--json")


def install(argv: list[str]) -> int:
    """Install a bundle from a file or an address; it is in effect after a reboot."""
    (source,), options = parse_arguments(argv, "FILE|URL", flags=FLAGS)
    allowed = Allowed("--downgrade" in options, "--other-model" in options, "--other-protocols" in options)
    who = operator_identity.identify()
    if source == "-":  # where others can read the words of a command, but not an address with secrets
        source = upgrade_install.require_address(read_secret("address"))
    done = upgrade_install.install(source, allowed, who=who, tell=_say)
    if "--json" in options:
        print(json.dumps(asdict(done), indent=2))
    elif done.result == "same":
        print(f"nothing to install: {done.version} runs already (--downgrade installs it all the same)")
    else:
        print(f"{done.version} is in slot {done.slot}, which starts at the next reboot ({done.seconds:g} s)")
    for note in done.notes:
        _say(f"note: {note}")
    if done.result == "installed" and "--reboot" in options:
        power.reboot(who=who)
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
