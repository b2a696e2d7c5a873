"""All services that this firmware knows; each is declared in a file of its own and loaded when it is asked for."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module

from firmware.rc.values import COMMAND, CPUS, FLAG, PATH, PROCESS, SECONDS
from firmware.services.definition import Directive, Service

NAMES = (
    "system", "network", "wg", "vrrp", "firewall", "ntp", "syslogd", "snmpd", "sshd",
    "haproxy", "ipvsd", "dataplaneapi", "wui", "csyncd",
)  # fmt: skip

#: what every service understands besides its own
FRAMEWORK = (
    Directive("autostart", FLAG, "start it at boot; this is the default"),
    Directive("bin", PATH, "the program to run in place of its own"),
    Directive("cmdline", COMMAND, "the command line to run in place of its own"),
    Directive("pidfile", PATH, "where the number of its process is written"),
    Directive("procname", PROCESS, "the name by which its process is known"),
    Directive("check_interval", SECONDS, "seconds between two looks whether it is alive"),
    Directive("cpumask", CPUS, "the CPUs that it may use"),
)


@cache
def find(name: str) -> Service | None:
    """The service of that name with all its directives, or None if there is no such service."""
    if name not in NAMES:
        return None
    service: Service = import_module(f"firmware.services.declared.{name}").SERVICE
    return replace(service, directives=(*service.directives, *FRAMEWORK))


def services() -> Iterator[Service]:
    """All services, in the order of NAMES."""
    for name in NAMES:
        service = find(name)
        if service is not None:
            yield service
