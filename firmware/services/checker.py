"""A service's own checker, run where it can do no harm: what it reads may have been written by a peer, and haproxy's
checker executes what its configuration says.

It is the service's account without any capability, confined (see `confinement`): it sees no process but its own, the
directories of the daemon's sockets are empty, and a staged directory lies where the service's own is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import valid_signals

from firmware.errors import Failure
from firmware.run import Result, run
from firmware.services import confinement, run_scripts
from firmware.services.definition import Argv, Outcome, Service

#: seconds that a checker has, much for maps and certificates by the thousand: a push waits for it, and for a reload
SECONDS = 50.0
#: exit status of a shell, and of whatever else runs programs, for one that is not there
_NO_PROGRAM = 127
#: characters of its words that are passed on
LONGEST = 65536


def run_checker(
    service: Service, argv: Argv, overlays: Mapping[Path, Path] | None = None, *, seconds: float = SECONDS
) -> Outcome:
    """The checker's exit status and words. `overlays`: the directories that it sees in the place of others (target → source).
    Failure if it cannot be run, or has not ended after so many seconds."""
    done = run_confined(
        service, argv, overlays or {}, seconds=seconds, alone=service.checks_alone, more=service.checks_alone
    )
    return Outcome(done.status, done.output[:LONGEST])


def run_confined(
    service: Service,
    argv: Argv,
    overlays: Mapping[Path, Path],
    *,
    seconds: float,
    alone: bool = False,
    more: bool = False,
) -> Result:
    """The same, with both its streams. If it is to be `alone`, it has a network of its own in which nothing is taken. `more`: it
    has the capabilities that its account has on request."""
    command = run_scripts.command_as_checker(service.account, argv, more=more)
    confined = bool(overlays) or service.account.user != "root"
    try:
        with _mount_points(*overlays):
            if confined:
                command = confinement.checker_command(
                    command, overlays, service.runtime_directories, seconds, alone=alone
                )
            done = run(command, timeout=seconds, check=False)
    except Failure as error:
        raise Failure(f"service {service.name}: its checker: {error}") from None
    number = -done.status if done.status < 0 else done.status - 128
    if number in valid_signals():
        raise Failure(
            f"service {service.name}: its checker was ended by signal {number}; {done.output[:200]}", "try again"
        )
    if done.status == _NO_PROGRAM:
        said = done.output[:200] or "nobody says which"
        raise Failure(f"service {service.name}: its checker needs a program that is not on this node: {said}")
    return done


@contextmanager
def _mount_points(*wanted: Path) -> Iterator[None]:
    """These directories, if only for the time of the check; one that is not there equals an empty one."""
    made = [directory for directory in wanted if not directory.exists()]
    for directory in made:
        directory.mkdir(mode=0o755)
    try:
        yield
    finally:
        for directory in made:
            directory.rmdir()
