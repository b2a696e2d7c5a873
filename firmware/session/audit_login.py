"""What the trail says of logging in."""

from firmware.accounts.attempts import Slowed
from firmware.errors import Failure
from firmware.printable import escape, shorten
from firmware.sync import audit
from firmware.sync.audit import Who


def note_login(account: str, address: str, token: str) -> None:
    """Somebody has logged in. Scripts do so every minute: a token is not noted."""
    if not token:
        audit.note("login", who=_who(account, address), result="done")


def note_refusal(account: str, address: str, error: Failure) -> None:
    """Somebody has not. What comes too early is not looked at, and not noted either."""
    if not isinstance(error, Slowed):
        audit.note("login", who=_who(account, address), result="refused", message=str(error))


def _who(account: str, address: str) -> Who:
    name, place = (shorten(escape(word), 64) for word in (account or "unknown", address))
    return Who(name, f"{place} (web)")
