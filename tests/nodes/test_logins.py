"""Who can log in over ssh: administrators with a key below /etc/ssh, whatever a daemon's account writes or a neighbour holds open."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab
from push_helpers import pair_nodes
from service_helpers import PYTHON
from story import Stage

OPTIONS = (
    "-i", "/root/key", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
    "-o", "ConnectTimeout=30", "-o", "IdentitiesOnly=yes",
)  # fmt: skip
#: opens connections from an address to the ports of another, says so, and holds them without a word until it is killed
SILENT = """
import socket, sys, time
source, target, count, *ports = sys.argv[1:]
held = [socket.create_connection((target, int(port)), 5, (source, 0)) for port in ports for _ in range(int(count))]
print(len(held), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def lab(module_lab: Lab) -> Lab:
    """A pair. Node 1 has a key, which each account of node 2 has in all places where OpenSSH could look for one."""
    pair_nodes(Stage(module_lab, tell=lambda text: None))
    module_lab.run(1, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key")
    public = module_lab.read(1, "/root/key.pub")
    module_lab.run(2, "mkdir", "-p", "/etc/ssh/authorized_keys")
    for name, home in accounts(module_lab).items():
        module_lab.write(2, f"/etc/ssh/authorized_keys/{name}", public)
        module_lab.run(2, "sh", "-c", 'mkdir -p "$0/.ssh"; cat >"$0/.ssh/authorized_keys"', home, stdin=public)
    return module_lab


def accounts(lab: Lab) -> dict[str, str]:
    """The home of each account of node 2."""
    fields = [line.split(":") for line in lab.read(2, "/etc/passwd").splitlines()]
    return {one[0]: one[5] for one in fields}


def log_in(lab: Lab, name: str, *words: str) -> int:
    """The exit status of ssh from node 1 to an account of node 2; 255 where it is not let in."""
    return lab.run(1, "ssh", *OPTIONS, *words, f"{name}@10.32.0.12", "true", check=False).status


def test_only_administrators_log_in_whatever_keys_an_account_has(lab: Lab) -> None:
    assert log_in(lab, "root") == 0
    daemons = [name for name in accounts(lab) if name != "root"]
    assert {"haproxy", "syslog", "csync", "wui", "sshd"} <= {*daemons}
    for name in daemons:
        assert log_in(lab, name, "-T") == 255, name
        forward = ("-o", "ExitOnForwardFailure=yes", "-L", "127.0.0.1:7777:127.0.0.1:4444", "-N", "-f")
        assert lab.run(1, "ssh", *OPTIONS, *forward, f"{name}@10.32.0.12", check=False).status == 255, name


def test_keys_below_a_home_directory_let_nobody_in(lab: Lab) -> None:
    lab.run(2, "mv", "/etc/ssh/authorized_keys/root", "/etc/ssh/root.kept")
    try:
        assert log_in(lab, "root") == 255
        lab.run(2, "install", "-D", "/etc/ssh/root.kept", "/run/sshd/authorized_keys/root")
        assert log_in(lab, "root") == 0, "it is good until the next reboot"
        lab.run(2, "rm", "-r", "/run/sshd/authorized_keys")
    finally:
        lab.run(2, "mv", "/etc/ssh/root.kept", "/etc/ssh/authorized_keys/root")
    assert log_in(lab, "root") == 0


def test_no_account_of_a_daemon_can_write_where_its_home_is(module_lab: Lab) -> None:
    for name, home in accounts(module_lab).items():
        if name != "root":
            numbers = module_lab.run(2, "id", "-u", name).stdout.strip()
            as_account = ("setpriv", "--reuid", numbers, "--regid", numbers, "--clear-groups", "--")
            assert module_lab.run(2, *as_account, "test", "-w", home, check=False).status == 1, (name, home)


@pytest.fixture
def neighbour(lab: Lab) -> Iterator[str]:
    """A third address on the network, which node 1 holds."""
    lab.run(1, "ip", "address", "add", "10.32.0.99/24", "dev", "eth0")
    yield "10.32.0.99"
    lab.run(1, "ip", "address", "del", "10.32.0.99/24", "dev", "eth0")


def test_a_neighbour_that_holds_connections_open_keeps_nobody_else_out(lab: Lab, neighbour: str) -> None:
    """45 of them were enough, for administrators and for the peer."""
    silent = lab.start(1, PYTHON, "-c", SILENT, neighbour, "10.32.0.12", "45", "22", "30022")
    try:
        assert silent.stdout and silent.stdout.readline() == b"90\n"
        for _ in range(10):
            assert log_in(lab, "root", "-b", "10.32.0.11") == 0
        lab.run(1, "service", "csyncd", "restart")
        assert lab.run(1, "csync", "diff", "haproxy", check=False).status == 0
    finally:
        silent.kill()
        silent.wait()
