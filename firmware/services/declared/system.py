"""What belongs to no service of its own: the name of the node, kernel settings, consoles."""

from firmware.rc.values import CONSOLE, HOST, SYSCTL, TEXT, each, number
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="system",
    summary="the node itself: name, kernel settings, consoles",
    stays="it names this node",
    directives=(
        Directive("hostname", HOST, "the name of this node"),
        Directive("modprobe", TEXT, "a kernel module to load, with its options", many=True, from_peer=False),
        Directive("sysctl", SYSCTL, "a kernel setting", many=True, from_peer=False),
        Directive("rtc", TEXT, "how the hardware clock runs (utc or local), or its device", from_peer=False),
        Directive("vt_consoles", number(0, 12), "how many virtual consoles have a login"),
        Directive("extra_consoles", each(CONSOLE), "serial consoles with a login, DEVICE:SPEED[:TERMINAL]", many=True),
    ),
)
