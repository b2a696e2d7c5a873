"""The web UI."""

from firmware.rc.values import ADDRESS, FLAG, PORT
from firmware.services import ready
from firmware.services.definition import Argv, Directive, Service

DAEMON: Argv = ["/usr/bin/python3", "-m", "firmware", "wui"]

SERVICE = Service(
    name="wui",
    summary="web UI",
    owns="/etc/wui",
    stays="its accounts and its certificate belong to this node",
    check=lambda _: [*DAEMON, "check"],
    daemon=lambda _: DAEMON,
    procname="python3 -m firmware wui",
    ready=lambda _, pid: ready.listening(pid),
    directives=(
        Directive("port", PORT, "the TCP port, 4444 unless given"),
        Directive("listen", ADDRESS, "the address to listen on; without one, all"),
        Directive("tls", FLAG, "HTTPS (unless off: HTTP)"),
    ),
)
