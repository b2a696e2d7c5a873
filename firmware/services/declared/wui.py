"""The web UI, as an account of its own."""

import os

from firmware.rc.document import Block
from firmware.rc.values import ADDRESS, FLAG, PORT
from firmware.services import ready
from firmware.services.definition import Account, Argv, Directive, Service

DAEMON: Argv = ["/usr/bin/python3", "-m", "firmware", "wui"]
#: certificate and key, in one file that an operator may replace
CERTIFICATE = "/etc/wui/tls.pem"


def setup(block: Block) -> list[Argv]:
    """A self-signed certificate, where HTTPS is wanted and there is none."""
    if not block.flag("tls", True) or os.path.lexists(CERTIFICATE):
        return []
    made = f"{CERTIFICATE}.new"
    return [
        ["mkdir", "-p", "/etc/wui"],
        ["rm", "-f", made],
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "3650",
            "-subj", "/CN=load balancer", "-keyout", made, "-out", made,
        ],
        ["mv", made, CERTIFICATE],
    ]  # fmt: skip


SERVICE = Service(
    name="wui",
    summary="web UI",
    owns="/etc/wui",
    stays="its accounts and its certificate belong to this node",
    account=Account("wui", ("net_bind_service",)),
    setup=setup,
    check=lambda _: [*DAEMON, "check"],
    checks_itself=True,
    daemon=lambda _: DAEMON,
    procname="python3 -m firmware wui",
    ready=lambda _, pid: ready.listening(pid),
    directives=(
        Directive("port", PORT, "the TCP port, 4444 unless given"),
        Directive("listen", ADDRESS, "the address to listen on; without one, all"),
        Directive("tls", FLAG, "HTTPS (unless off: HTTP)"),
    ),
)
