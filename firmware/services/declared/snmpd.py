"""Figures for a network management station: what config.rc of elsewhere may say of it is known, and refused."""

from firmware.rc.values import ADDRESS, NETWORK, PORT, TEXT, any_of, one_of
from firmware.services.definition import Directive, Service

#: net-snmp would be a fifteenth of the product's slot (2.5 of 36 MB), and half of what all services together may have of memory
REASON = (
    "this firmware has no agent of SNMP; figures: haproxy's statistics, `csync status --json`, `service list --json`"
)


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
            not_supported=REASON,
        ),
        Directive(
            "community",
            TEXT,
            "the word that those who ask must give",
            example="community figures",
            not_supported=REASON,
        ),
        Directive(
            "listen",
            ADDRESS,
            "an address to listen on",
            many=True,
            example="listen 192.0.2.10",
            not_supported=REASON,
        ),
        Directive("port", PORT, "the UDP port", example="port 1161", not_supported=REASON),
    ),
)
