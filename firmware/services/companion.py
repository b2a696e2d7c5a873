"""Companions: daemons that a service without a process of its own needs, such as the DHCP client of an interface. The supervisor
owns them like any daemon, under the title of the service with `~NAME` after it, which is no title of config.rc; the state of the
service is not theirs.
"""

from pathlib import Path

from firmware.errors import Failure
from firmware.rc import document
from firmware.rc.block import Block, Line
from firmware.services import states, supervisor
from firmware.services.definition import Companion, Context, Service
from firmware.services.states import SCAN


def start(companion: Companion, *, seconds: float = 5.0) -> None:
    """Have it run with these arguments; nothing if it does. Failure, with its last words, if it ends at once."""
    service, context = _as_service(companion)
    is_running = states.service_state(companion.own_title).is_running
    if not (is_running and supervisor.runs_as_wanted(service, context)):
        supervisor.stop(companion.own_title)
        supervisor.start(service, context, wait=seconds)


def stop(title: str, name: str) -> None:
    """Have it run no more; nothing if it does not."""
    own_title = Companion(title, name, []).own_title
    if not states.service_state(own_title).is_stopped:
        supervisor.stop(own_title)


def stop_all(title: str, *, scan: Path = SCAN) -> None:
    """Have none of them run any more."""
    for path in sorted(scan.iterdir()) if scan.is_dir() else ():
        owner, _, name = path.name.partition("~")
        if owner == title and name not in ("", "log") and "~" not in name:
            stop(title, name)


def problem(companion: Companion) -> str:
    """Start it; returns what went wrong, for who goes on without it."""
    try:
        start(companion)
    except Failure as error:
        return str(error)
    return ""


def _as_service(companion: Companion) -> tuple[Service, Context]:
    """What the supervisor wants to know of a daemon."""
    service = Service(companion.title, "a companion", daemon=lambda _: companion.argv, procname=companion.procname)
    name, _, instance = companion.own_title.partition(".")
    header = Line(1, f"service {name} {instance}\n", ("service", name, instance))
    block = Block(name, instance, True, (header,))
    return service, Context.of(service, block, document.parse_tolerant("")[0])
