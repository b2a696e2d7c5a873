"""Figures for a network management station."""

from firmware.rc.values import ADDRESS, NETWORK, PORT, TEXT, any_of, one_of
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="snmpd",
    summary="figures over SNMP",
    owns="/etc/snmpd",
    directives=(
        Directive("network", any_of(one_of("default"), NETWORK), "a network that may ask", many=True),
        Directive("community", TEXT, "the word that those who ask must give"),
        Directive("listen", ADDRESS, "an address to listen on; without one, all", many=True),
        Directive("port", PORT, "the UDP port"),
    ),
)
