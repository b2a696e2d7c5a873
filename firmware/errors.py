"""The errors that a person sees; each class owns an exit status (see the table in `firmware --help`).

Everything the package raises on purpose is a `Failure`. Its text reads "what failed: why"; the command line
puts its own name before it. Anything else that escapes is a bug.
"""

from collections.abc import Sequence
from errno import EACCES, ENOSPC, EPERM

from firmware.printable import escape


class Failure(Exception):
    """It failed (exit status 1). `hint` says what to do about it, where that is known."""

    status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Usage(Failure):
    """The words of the command are wrong (exit status 2)."""

    status = 2


class Refused(Failure):
    """Refused, and nothing was changed (exit status 3)."""

    status = 3


class Busy(Refused):
    """Somebody else is at work on it; nothing was changed."""


class Unavailable(Failure):
    """Nothing is wrong with what was asked, but the daemon that does it does not answer now."""


class Lost(Failure):
    """The connection broke before the answer came: what was asked may have been done or not."""


class Invalid(Failure):
    """The configuration is invalid (exit status 4). `problems` are whole lines that begin FILE:LINE:."""

    status = 4

    def __init__(self, message: str, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class Damaged(Failure):
    """A record or a file of ours is not what was written: torn, not JSON, or of another type."""


class NewerFormat(Failure):
    """A record in a format that this firmware does not know yet. It is not damaged: nobody may delete or replace it."""

    def __init__(self, what: str, format: int, known: int) -> None:
        super().__init__(
            f"{what}: written by a newer firmware (format {format}; this one reads up to {known})",
            "upgrade the firmware of this node",
        )


class NotMigrated(Failure):
    """A saved configuration is whole, and could not be brought to the format of this firmware."""

    def __init__(self, format: int, about: str, why: str) -> None:
        super().__init__(
            f"it could not be brought to format {format} of the configuration ({about}): {why}",
            "the firmware that saved it reads it: upgrade rollback",
        )


def full_text(error: Failure) -> str:
    """All that an error says, its single problems too, where it is to be told elsewhere than on our own stderr."""
    return "; ".join((str(error), *(error.problems if isinstance(error, Invalid) else ())))


def system_hint(error: OSError) -> str:
    """What to do about an error of the system; "" where that is not known."""
    as_root, room = "run it as root", "make room: `df /etc /run` says where there is none"
    return {EACCES: as_root, EPERM: as_root, ENOSPC: room}.get(error.errno or 0, "")


def from_system(error: OSError) -> Failure:
    """An error of the system as one that names its file and has a hint, where these are known."""
    why = error.strerror or str(error) or type(error).__name__
    return Failure(f"{error.filename}: {why}" if error.filename else why, system_hint(error))


def outcome(error: Failure) -> str:
    """In one word how it ended, for reports and the audit trail."""
    return "refused" if isinstance(error, Refused) else "failed"


def report(command: str, error: Failure) -> str:
    """What a person reads of it: its single problems, what failed, and what to do about it, a line each."""
    lines = [*(error.problems if isinstance(error, Invalid) else ()), f"{command}: {error}"]
    lines += [f"hint: {error.hint}"] * bool(error.hint)
    return escape("\n".join(lines), keep="\n\t")


def from_status(status: int, message: str, hint: str = "", problems: Sequence[str] = ()) -> Failure:
    """An error that came over a connection, as it was raised at the other end."""
    if status == Invalid.status:
        return Invalid(message, hint, problems)
    return {Refused.status: Refused, Usage.status: Usage}.get(status, Failure)(message, hint)
