"""The layer 4 load balancer (the LB Layer4 tab)."""

from firmware.rc.values import path_below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="ipvsd",
    summary="layer 4 load balancer",
    owns="/etc/ipvsd",
    directives=(
        Directive(
            "config", path_below("/etc/ipvsd"), "its configuration file", example="config /etc/ipvsd/layer4.conf"
        ),
    ),
)
