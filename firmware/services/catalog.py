"""All services that this firmware knows: each module of services/declared/ declares one, and is loaded when it is asked for."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module

from firmware.rc.values import COMMAND, CPUS, FLAG, PATH, PROCESS, number
from firmware.services import declared
from firmware.services.definition import Directive, Service

#: what every service understands besides its own
FRAMEWORK = (
    Directive("autostart", FLAG, "start it at boot", default="on", example="no autostart"),
    Directive("bin", PATH, "the program to run in place of its own", example="bin /usr/sbin/haproxy-2.8"),
    Directive(
        "cmdline",
        COMMAND,
        "the command line to run in place of its own",
        example="cmdline haproxy -W -db -f /etc/haproxy/haproxy.cfg",
    ),
    Directive("pidfile", PATH, "where the number of its process is written", example="pidfile /run/haproxy.pid"),
    Directive("procname", PROCESS, "the name by which its process is known", example="procname haproxy"),
    Directive(
        "check_interval",
        number(1, 86400),
        "seconds until it is started again when it has ended; it takes one in any case",
        default="1",
        example="check_interval 5",
    ),
    Directive("cpumask", CPUS, "the CPUs that it may use", default="all", example="cpumask 0,2-3"),
)


@cache
def names() -> tuple[str, ...]:
    """The names of all services, sorted."""
    (directory,) = declared.__path__
    return tuple(sorted({name.partition(".")[0] for name in os.listdir(directory) if name[0].isalpha()}))


@cache
def find(name: str) -> Service | None:
    """The service of that name with all its directives, or None if there is no such service."""
    if name not in names():
        return None
    service: Service = import_module(f"firmware.services.declared.{name}").SERVICE
    return replace(service, directives=(*service.directives, *_framework(service)))


def _framework(service: Service) -> tuple[Directive, ...]:
    """What is about a process is refused where none is ever run."""
    if service.daemon is not None or not service.is_runnable:
        return FRAMEWORK
    why = f"service {service.name} has no process"
    return tuple(one if one.key == "autostart" else replace(one, not_supported=why) for one in FRAMEWORK)


def services() -> Iterator[Service]:
    """All services, sorted by name."""
    for name in names():
        service = find(name)
        if service is not None:
            yield service
