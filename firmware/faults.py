"""Fault points: named steps of push, receive and recovery at which a test can make something go wrong.

Off in production: without FIRMWARE_FAULTS in the environment, which nothing of the firmware sets, `fault_point` does
nothing. With it, that directory may hold a file named like a step. The first process that comes to the step takes the
file away and does what it says: `kill` (itself), `stop` (itself, until somebody continues it), `delay SECONDS`, `cut`
(every ssh and sshd below it, and so the link), or `fail` (an error that nobody expects).
"""

import os
import signal
import time
from pathlib import Path

#: every step, in the order in which a push comes to it: on the pushing node, on the receiving one, when it is confirmed,
#: and when it is undone
STEPS = (
    "push.proposed", "push.answered", "push.agreed",
    "receive.begun", "receive.staged", "receive.checked", "receive.armed", "receive.exchanged", "receive.swapped",
    "receive.reloaded", "receive.decided", "receive.kept", "receive.recorded", "receive.cleared",
    "confirm.begun", "confirm.answered",
    "undo.begun", "undo.exchanged", "undo.put-back", "undo.loaded", "undo.cleared",
)  # fmt: skip

_ORDERS = os.environ.get("FIRMWARE_FAULTS", "")


def fault_point(step: str) -> None:
    """Say that this step has been reached; what a test has ordered for it happens now."""
    if _ORDERS:
        _carry_out(Path(_ORDERS, step))


def _carry_out(order: Path) -> None:
    assert order.name in STEPS, order.name
    try:
        words = order.read_text().split()
        order.unlink()
    except FileNotFoundError:
        return
    match words:
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["stop"]:
            import threading

            # Sent to this thread: sent to the process, some other thread notices, and this one goes on until then.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case ["delay", seconds]:
            time.sleep(float(seconds))
        case ["cut"]:
            from firmware import processes

            processes.kill_children("ssh", "sshd")
        case _:
            raise RuntimeError(f"{order.name}: {' '.join(words)}")
