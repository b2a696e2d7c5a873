"""The login of administrators over ssh (csyncd has an sshd of its own)."""

from firmware.rc.values import ADDRESS, PORT, below
from firmware.services.definition import Directive, Service

SERVICE = Service(
    name="sshd",
    summary="administration over ssh",
    owns="/etc/ssh",
    stays="its keys and accounts belong to this node",
    directives=(
        Directive("config", below("/etc/ssh"), "its configuration file"),
        Directive("port", PORT, "the TCP port", many=True),
        Directive("listen", ADDRESS, "an address to listen on; without one, all", many=True),
    ),
)
