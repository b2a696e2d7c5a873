"""All of /etc is replaced by one state: a signal does not break that off, and if it is killed all the same, the next who would
save the mixture is told.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from firmware.errors import Refused
from firmware.store.paths import NODE, Paths

#: whatever asks a program to end: a closed terminal, Ctrl-C, `kill`
_SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
_MARK = "unfinished"


@contextmanager
def hold_off_signals() -> Iterator[None]:
    """They wait until this is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def mark_unfinished(command: str, paths: Paths = NODE) -> Iterator[None]:
    """From the first change to the last one. `command` is what to say again if this never ends."""
    mark = paths.saved_state.with_name(_MARK)
    with suppress(OSError):  # a full /run keeps nobody from going back
        mark.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        mark.write_text(command)
    yield
    with suppress(OSError):  # where it cannot be, it was not written either
        mark.unlink()


def require_whole(paths: Paths = NODE) -> None:
    """Refused while what lies below /etc may be a mixture."""
    mark = paths.saved_state.with_name(_MARK)
    if mark.exists():
        command = mark.read_text() or "config restore"
        why = f"what is below /etc may be half of one state and half of another: `{command}` did not come to its end"
        others = "config reset --yes" if command == "config restore" else "config restore"
        raise Refused(why, f"{command}, again; or {others}")
