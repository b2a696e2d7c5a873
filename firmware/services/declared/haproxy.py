"""The layer 7 load balancer (the LB Layer7 tab)."""

from firmware.rc.values import below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="haproxy",
    summary="layer 7 load balancer",
    owns="/etc/haproxy",
    directives=(Directive("config", below("/etc/haproxy"), "its configuration file"),),
)
