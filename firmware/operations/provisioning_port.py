"""Opens the line again that a provisioning has locked: what `service open-provisioning` does, for who stands at the unit.

What proves that: the command's controlling terminal is the unit's own console, which no ssh, web terminal or API has; and a
code that is shown on that console is typed there. Whoever is root may write to the disk by other ways; this is none of them.
"""

import hmac
import os
import secrets
from pathlib import Path

from firmware.errors import Refused
from firmware.store import identity
from firmware.sync import audit
from firmware.sync.audit import Who

#: the device numbers of consoles: the screens tty1 to tty12, and ttyS0; ttyS1 is the line that is to be opened
CONSOLES = {os.makedev(4, number): f"tty{number}" for number in range(1, 13)} | {os.makedev(4, 64): "ttyS0"}
_STAT = Path("/proc/self/stat")
_HINT = "plug a cable into its console, or a screen and a keyboard, and log in there"


def require_console(stat: Path = _STAT, stdin: int = 0) -> str:
    """The console that this command was given at. Refused anywhere else."""
    device = int(stat.read_text().rpartition(")")[2].split()[4])
    name = CONSOLES.get(device)
    if name is None:
        raise Refused("only who stands at this unit may do that: this is not its console", _HINT)
    if not os.isatty(stdin) or os.fstat(stdin).st_rdev != device:
        raise Refused(f"only who stands at this unit may do that: what is typed does not come from {name}", _HINT)
    return name


def make_code() -> str:
    """Six digits to type back."""
    return f"{secrets.randbelow(10**6):06d}"


def open_again(code: str, typed: str, *, who: Who) -> str:
    """Take the lock away, and return the serial number, which stays. Refused if what was typed is not the code."""
    if not hmac.compare_digest(code.encode(), typed.strip().encode("utf-8", "surrogateescape")):
        raise Refused("that is not the code: nothing was changed")
    found = identity.open_again()
    serial = found.identity.serial if found.identity else ""
    audit.note("provisioning", who=who, result="opened", serial=serial)
    return serial
