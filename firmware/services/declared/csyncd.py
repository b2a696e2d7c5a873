"""Configuration sync with other nodes."""

from firmware.rc.values import below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="csyncd",
    summary="configuration sync with the other node",
    owns="/etc/csyncd",
    stays="its keys and addresses belong to this node",
    directives=(Directive("config", below("/etc/csyncd"), "its configuration file"),),
)
