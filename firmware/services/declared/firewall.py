"""Packet filter rules and the table of connections."""

from firmware.rc.values import TEXT, path_below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="firewall",
    summary="packet filter",
    owns="/etc/firewall",
    directives=(
        Directive(
            "confdir",
            path_below("/etc/firewall"),
            "the directory with the rules",
            example="confdir /etc/firewall/rules",
        ),
        Directive("conntrack", TEXT, "a setting of the table of connections", many=True, example="conntrack max 65536"),
    ),
)
