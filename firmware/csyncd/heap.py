"""csyncd's heap: what needs much of it is done one after the other, and what was needed goes back to the system, once there is
nothing to do for a moment.

The C library keeps what it has until the top of its heap is free, and after a push of thousands of files something small lies
there.
"""

import asyncio
import gc

from firmware import native

#: seconds without work after which the heap is trimmed
QUIET_SECONDS = 1.0
#: held by what takes as much memory as a large service has, whoever asked for it: to answer a large message, and a save
large_work = asyncio.Lock()
_timer: asyncio.TimerHandle | None = None


def freeze() -> None:
    """What is there now stays for good: no search for garbage looks through it again, which would take most of what csyncd
    does for a change on disk."""
    gc.collect()
    gc.freeze()


def trim_when_idle() -> None:
    """Trim the heap QUIET_SECONDS after the last call of this."""
    global _timer
    if _timer:
        _timer.cancel()
    _timer = asyncio.get_running_loop().call_later(QUIET_SECONDS, _trim)


def _trim() -> None:
    gc.collect()
    native.trim_heap()
