"""The generation that an import has made, until it comes below /etc: a save of what runs meanwhile would come after it. A reboot
brings it there, and what is noted here is gone with /run.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from firmware import files
from firmware.store.paths import NODE, Paths

_MARK = "imported"


def note(number: int, paths: Paths = NODE) -> None:
    """This generation was imported, and has not been below /etc."""
    with suppress(OSError):  # only a note of a save is lost
        mark = _mark(paths)
        mark.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write(mark, str(number).encode())


def note_below_etc(number: int | None, paths: Paths = NODE) -> None:
    """This generation has come below /etc."""
    if number is not None and _waiting(paths) == number:
        with suppress(OSError):
            _mark(paths).unlink(missing_ok=True)


def undone_by(number: int, paths: Paths = NODE) -> Iterator[str]:
    """What is to be said of the save that made this generation: which import it comes after."""
    if (before := _waiting(paths)) == number - 1:
        yield (
            f"generation {before} was imported and has never been below /etc: a reboot brings back generation {number},"
            f" without it (config rollback {before}, then config save, takes it after all)"
        )


def _waiting(paths: Paths) -> int | None:
    try:
        return int(_mark(paths).read_bytes()[:12])
    except (OSError, ValueError):
        return None


def _mark(paths: Paths) -> Path:
    return paths.saved_state.with_name(_MARK)
