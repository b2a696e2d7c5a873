"""s6's programs, each on one service directory (see `supervisor` for how they come together)."""

import time
from pathlib import Path

from firmware.errors import Failure
from firmware.run import run

#: seconds that a daemon has until it is gone; s6 kills it after those of the file timeout-kill
DOWN_SECONDS = 12.0

_SIGNALS = {"HUP": "-h", "INT": "-i", "QUIT": "-q", "TERM": "-t", "KILL": "-k", "USR1": "-1", "USR2": "-2"}
_POLL = 0.02


def is_alive(scan: Path) -> bool:
    """Does s6-svscan run there? It then looks for new service directories, too."""
    return run(["s6-svscanctl", "-a", str(scan)], check=False).status == 0


def is_supervised(directory: Path) -> bool:
    """Does an s6-supervise run on the service directory?"""
    return run(["s6-svok", str(directory)], check=False).status == 0


def await_supervision(directory: Path, seconds: float = 5.0) -> None:
    """Wait until the service directory is supervised. Failure if s6-svscan does not see to that."""
    deadline = time.monotonic() + seconds
    while not is_supervised(directory):
        if time.monotonic() > deadline or not is_alive(directory.parent):
            raise Failure(
                f"service {directory.name}: not started: s6-svscan does not run", "init starts it: see /etc/inittab"
            )
        time.sleep(_POLL)


def start_daemon(directory: Path) -> None:
    """Start the daemon, have it started again whenever it ends, and count its deaths from now on."""
    run(["s6-svdt-clear", str(directory)])
    run(["s6-svc", "-u", str(directory)])


def stop_daemon(directory: Path) -> None:
    """TERM, then KILL, and wait for its end. Failure if it does not come."""
    limit, deadline = str(int(DOWN_SECONDS * 1000)), time.monotonic() + DOWN_SECONDS
    # Not `s6-svc -wD`: where it is down already, that ends before the order is given, which may then come after a `start_daemon`.
    run(["s6-svc", "-d", str(directory)])
    run(["s6-svwait", "-D", "-t", limit, str(directory)], timeout=DOWN_SECONDS + 5, check=False)
    # Between a crash and its restart it is down, and s6 may not have heard yet that it shall stay so.
    while run(["s6-svstat", "-o", "up,wantedup", str(directory)], check=False).stdout.split() != ["false", "false"]:
        if time.monotonic() > deadline:
            raise Failure(f"service {directory.name}: not stopped: it is still there after {DOWN_SECONDS:g} s")
        time.sleep(_POLL)


def restart_daemon(directory: Path) -> None:
    """End the daemon once and have it started again, as for a logger whose arguments changed."""
    if is_supervised(directory):
        run(["s6-svc", "-r", str(directory)])


def send_signal(directory: Path, name: str) -> None:
    """Send a signal (`HUP`, `USR2`, …) to the daemon, and to nothing else."""
    run(["s6-svc", _SIGNALS[name], str(directory)])


def count_deaths(directory: Path) -> int:
    """How often the daemon has ended since it was woken; s6 counts to 100."""
    return len(run(["s6-svdt", str(directory)], check=False).stdout.splitlines())
