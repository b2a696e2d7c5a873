"""A service's own checker, run where it can do no harm: what it reads may have been written by a peer, and haproxy's
checker executes what its configuration says.

It is the service's account without any capability, in namespaces of its own: it sees no process but its own, /tmp and the
directories of the daemon's sockets are empty and vanish with it, and a staged directory lies where the service's own is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.run import run
from firmware.services import launch
from firmware.services.definition import Argv, Outcome, Service

#: seconds that a checker has: much for maps and certificates by the thousand
SECONDS = 120.0


def outcome(service: Service, argv: Argv, staged: Path | None = None) -> Outcome:
    """The checker's exit status and words. Failure if it cannot be run, or takes too long."""
    command = launch.as_account(service.account, argv, capabilities=False)
    if staged is None and service.account.user == "root":
        done = run(command, timeout=SECONDS, check=False)
    else:
        with _mount_point(service, staged):
            done = run(_confined(service, command, staged), timeout=SECONDS, check=False)
    return Outcome(done.status, done.words)


def _confined(service: Service, command: Argv, staged: Path | None) -> Argv:
    """The program execlineb does the mounts: its script is ours, what comes from elsewhere stays an argument."""
    empty = [f"if {{ mount -t tmpfs -o size=16m,mode=1777 none {place} }}" for place in ("/tmp", *service.needs)]
    script, words = " ".join(empty), [str(staged), service.owns] if staged else []
    if staged:
        script = f"if {{ mount --bind $1 $2 }} {script}"
    return [
        "setpriv", "--pdeathsig", "KILL", "--",
        "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--",
        "execlineb", f"-s{len(words)}", "-c", f"{script} $@", *words, *command,
    ]  # fmt: skip


@contextmanager
def _mount_point(service: Service, staged: Path | None) -> Iterator[None]:
    """The service's directory, if only for the time of the check; one that is not there equals an empty one."""
    place = Path(service.owns)
    made = staged is not None and not place.exists()
    if made:
        place.mkdir(mode=0o755)
    try:
        yield
    finally:
        if made:
            place.rmdir()
