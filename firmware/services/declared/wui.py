"""The web UI."""

from firmware.rc.values import ADDRESS, FLAG, PORT
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="wui",
    summary="web UI",
    owns="/etc/wui",
    stays="its accounts and its certificate belong to this node",
    directives=(
        Directive("port", PORT, "the TCP port, 4444 unless given"),
        Directive("listen", ADDRESS, "the address to listen on; without one, all"),
        Directive("tls", FLAG, "HTTPS (unless off: HTTP)"),
    ),
)
