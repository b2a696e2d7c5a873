"""Figures for a network management station."""

from firmware.rc.values import ADDRESS, NETWORK, PORT, TEXT, any_of, one_of
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="snmpd",
    summary="figures over SNMP",
    owns="/etc/snmpd",
    directives=(
        Directive(
            "network",
            any_of(one_of("default"), NETWORK),
            "a network that may ask",
            many=True,
            example="network 192.0.2.0/24",
        ),
        Directive("community", TEXT, "the word that those who ask must give", example="community figures"),
        Directive(
            "listen",
            ADDRESS,
            "an address to listen on",
            many=True,
            default="every address",
            example="listen 192.0.2.10",
        ),
        Directive("port", PORT, "the UDP port", default="161", example="port 1161"),
    ),
)
