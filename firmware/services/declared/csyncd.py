"""Configuration sync with other nodes."""

from pathlib import Path

from firmware.services import readiness
from firmware.services.definition import Argv, Context, Package, Service

DAEMON: Argv = ["/usr/bin/python3", "-m", "firmware", "csyncd"]

#: what says who is paired with whom, and the port of the peers' sshd unless PORT says another
SETTINGS, DEFAULT_PORT = "/etc/csyncd/csyncd.cfg", 30022


def settings_fields() -> dict[str, str]:
    """The fields of csyncd.cfg, as far as it can be read; csyncd itself says what is wrong there."""
    try:
        lines = Path(SETTINGS).read_text(errors="replace").splitlines()
    except OSError:
        return {}
    fields = [(part.strip().strip("\"'") for part in line.partition("#")[0].partition("=")) for line in lines]
    return {key: value for key, _, value in fields}


def ports(_: Context) -> list[tuple[str, int]]:
    """Where peers reach it."""
    said = settings_fields()
    port = said.get("PORT", "")
    return [
        (said.get("LOCAL_IP", ""), number) for number in {DEFAULT_PORT, int(port) if port.isdecimal() else DEFAULT_PORT}
    ]


SERVICE = Service(
    name="csyncd",
    summary="configuration sync with the other node",
    owns="/etc/csyncd",
    node_specific="its keys and addresses belong to this node",
    makes=("/etc/firmware/ancestors.json",),
    # its peers' account, and that of the sshd by which they come
    more_accounts=("csync", "sshd"),
    packages=(Package("openssh-client", "OPENSSH"), Package("openssh-server", "OPENSSH")),
    ports=ports,
    check=lambda _: [*DAEMON, "check"],
    checks_itself=True,
    dies_last=True,
    daemon=lambda _: DAEMON,
    procname="python3 -m firmware csyncd",
    # One heap for all threads: each of its own keeps a megabyte after the first push. What is large never lies in it, so that
    # it leaves no hole: Python renews its table of names, a megabyte, every few hundred pushes, old and new side by side.
    environment={"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"},
    ready=lambda _, pid: readiness.socket_problem("/run/firmware/csyncd.sock"),
    follows=("/etc/csyncd/ssh_known_hosts", "/etc/csyncd/csyncd_authorized"),
)
