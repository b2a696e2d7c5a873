"""Configuration sync with other nodes."""

from firmware.services import ready
from firmware.services.definition import Argv, Package, Service

DAEMON: Argv = ["/usr/bin/python3", "-m", "firmware", "csyncd"]

SERVICE = Service(
    name="csyncd",
    summary="configuration sync with the other node",
    owns="/etc/csyncd",
    node_specific="its keys and addresses belong to this node",
    makes=("/etc/firmware/ancestors.json",),
    # its peers' account, and that of the sshd by which they come
    more_accounts=("csync", "sshd"),
    packages=(Package("openssh-client", "OPENSSH"), Package("openssh-server", "OPENSSH")),
    check=lambda _: [*DAEMON, "check"],
    checks_itself=True,
    daemon=lambda _: DAEMON,
    procname="python3 -m firmware csyncd",
    # One heap for all threads: each of its own keeps a megabyte after the first push. What is large never lies in it, so that
    # it leaves no hole: Python renews its table of names, a megabyte, every few hundred pushes, old and new side by side.
    environment={"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"},
    ready=lambda _, pid: ready.socket_problem("/run/firmware/csyncd.sock"),
    follows=("/etc/csyncd/ssh_known_hosts", "/etc/csyncd/csyncd_authorized"),
)
