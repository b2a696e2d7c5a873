"""Configuration sync with other nodes."""

from firmware.rc.values import below
from firmware.services.definition import Argv, Directive, Service

DAEMON: Argv = ["/usr/bin/python3", "-m", "firmware", "csyncd"]

SERVICE = Service(
    name="csyncd",
    summary="configuration sync with the other node",
    owns="/etc/csyncd",
    stays="its keys and addresses belong to this node",
    check=lambda _: [*DAEMON, "check"],
    daemon=lambda _: DAEMON,
    procname="python3 -m firmware csyncd",
    ready=lambda _: "unix:/run/firmware/csyncd.sock",
    directives=(Directive("config", below("/etc/csyncd"), "its configuration file"),),
)
