"""The time of day."""

from firmware.rc.values import HOST, path_below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="ntp",
    summary="time from other servers",
    owns="/etc/ntp",
    node_specific="its time servers are those of its network",
    directives=(
        Directive("config", path_below("/etc/ntp"), "its configuration file", example="config /etc/ntp/ntpd.conf"),
        Directive("server", HOST, "a server to take the time from", many=True, example="server 192.0.2.123"),
    ),
)
