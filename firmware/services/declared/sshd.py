"""The login of administrators over ssh (csyncd has an sshd of its own).

There is no reload but a restart: on SIGHUP sshd, too, closes its port and begins anew, and is gone if it cannot. Those
who are logged in stay so either way, and after a restart a new process proves that it listens.
"""

import os

from firmware.rc.block import Block
from firmware.rc.values import ADDRESS, PORT, path_below
from firmware.services import ready
from firmware.services.definition import Argv, Context, Directive, Package, Service

PROGRAM = "/usr/sbin/sshd"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


def arguments(block: Block) -> Argv:
    """What the block says; it comes before the file's own words."""
    ports = [word for (port,) in block.values("port") for word in ("-p", port)]
    listen = [word for (address,) in block.values("listen") for word in ("-o", f"ListenAddress={address}")]
    return ["-f", block.value("config") or "/etc/ssh/sshd_config", *ports, *listen]


def setup(_: Context) -> list[Argv]:
    """A host key, where there is none yet."""
    return (
        [] if os.path.exists(HOST_KEY) else [["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", HOST_KEY]]
    )


SERVICE = Service(
    name="sshd",
    summary="administration over ssh",
    owns="/etc/ssh",
    node_specific="its keys and accounts belong to this node",
    makes=("/etc/ssh/ssh_host_*",),
    more_accounts=("sshd",),
    packages=(Package("openssh-server", "OPENSSH"),),
    check=lambda context: [PROGRAM, "-t", *arguments(context.block)],
    daemon=lambda context: [PROGRAM, "-D", "-e", *arguments(context.block)],
    procname="sshd",
    runtime_directories=("/run/sshd",),
    setup=setup,
    ready=lambda _, pid: ready.port_problem(pid),
    directives=(
        Directive("config", path_below("/etc/ssh"), "its configuration file"),
        Directive("port", PORT, "the TCP port", many=True),
        Directive("listen", ADDRESS, "an address to listen on; without one, all", many=True),
    ),
)
