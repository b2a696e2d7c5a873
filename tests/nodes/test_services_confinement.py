"""What daemons that are not root see of a real node, and what their accounts can do there."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab
from service_helpers import PYTHON, run_service, service_pid

from firmware.services import catalog

ACCOUNTS = ("haproxy", "syslogd", "wui")
OWNED = (("/etc/haproxy", "haproxy"), ("/etc/syslogd", "syslog"), ("/etc/wui", "wui"))
#: the directories that everybody may write to
SHARED = {"/tmp", "/var/tmp", "/dev/shm", "/run/lock"}
#: what harms nobody: devices without a memory, and the socket that takes log messages
OPEN = {"null", "zero", "full", "random", "urandom", "tty", "pts/ptmx", "net/tun"}


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose daemons run as the factory has them."""
    yield module_lab
    for title in ACCOUNTS:
        run_service(module_lab, title, "restart")


def inside(lab: Lab, title: str, *command: str, check: bool = True) -> str:
    """Run a command where a daemon is, as its account."""
    status = lab.read(1, f"/proc/{service_pid(lab, title)}/status")
    uid = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1]
    account = (
        "setpriv",
        f"--reuid={uid}",
        f"--regid={uid}",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
        "--",
    )
    return lab.run(1, "nsenter", "-m", "-t", str(service_pid(lab, title)), "--", *account, *command, check=check).stdout


@pytest.mark.all(but=["haproxy", "wui"])
@pytest.mark.parametrize("title", ACCOUNTS)
def test_its_account_can_write_to_nothing_but_what_is_its_own(lab: Lab, title: str) -> None:
    for directory, account in OWNED:
        lab.run(1, "install", "-d", "-o", account, f"{directory}/own")
    look = "find /* -maxdepth 0 -writable; find /etc /run /tmp /var /dev /root /flash /usr/local -writable ! -type l"
    found = set(inside(lab, title, "sh", "-c", f"{look} 2>/dev/null", check=False).split())
    own = {path for path in found if f"{path}/".startswith(f"/run/{title}/")}
    declared = catalog.find(title)
    assert declared and bool(own) == bool(declared.runtime_directories)
    meant = {"/run/syslogd/log", *(["/run/firmware/wui/login.sock"] if title == "wui" else ())}
    assert found - own - {f"/dev/{name}" for name in OPEN} - meant == SHARED
    for place in SHARED:
        assert inside(lab, title, "stat", "-c", "%d", place) != lab.run(1, "stat", "-c", "%d", place).stdout
        assert int(inside(lab, title, "df", "--output=size", place).split()[-1]) == 16384
    lab.run(1, "rmdir", *(f"{directory}/own" for directory, _ in OWNED))


#: opens terminals until there are no more, and holds them until its standard input ends
TAKE_TERMINALS = """
import os, sys
held = []
try:
    while len(held) < 5000:
        held.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
except OSError:
    pass
print(len(held), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("confined", [True, False])
def test_its_account_cannot_take_the_terminals_of_administrators(lab: Lab, confined: bool) -> None:
    """Outside of the confinement it takes all that there are."""
    inside_it = ("nsenter", "-m", "-t", str(service_pid(lab, "haproxy")), "--") if confined else ()
    account = ("setpriv", "--reuid=haproxy", "--clear-groups", "--")
    command = ("prlimit", "--nofile=8192", "--", *inside_it, *account, PYTHON, "-c", TAKE_TERMINALS)
    holder = lab.start(1, *command)
    try:
        assert holder.stdout and (0 < int(holder.stdout.readline()) <= 64) == confined
        got = lab.run(1, PYTHON, "-c", "import os; os.openpty()", check=False)
        assert (got.status == 0) == confined, got
    finally:
        holder.communicate()


@pytest.mark.parametrize("title", ACCOUNTS)
def test_nothing_stands_between_the_supervisor_and_the_daemon(lab: Lab, title: str) -> None:
    status = lab.read(1, f"/proc/{service_pid(lab, title)}/status")
    parent = next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1]
    assert lab.read(1, f"/proc/{parent}/cmdline").rstrip("\0").split("\0") == ["s6-supervise", title]
    assert lab.run(1, "readlink", f"/proc/{parent}/ns/mnt").stdout == lab.run(1, "readlink", "/proc/1/ns/mnt").stdout


@pytest.mark.parametrize("title", ACCOUNTS)
def test_what_is_mounted_when_it_starts_or_later_is_not_kept_busy(lab: Lab, title: str) -> None:
    """The flash is mounted for moments only, and a daemon may be started in any of them."""
    lab.run(1, "mount", "-t", "tmpfs", "flash-of-that-moment", "/flash")
    try:
        run_service(lab, title, "restart")
        lab.run(1, "mount", "-t", "tmpfs", "mounted-later", "/mnt")
        seen = lab.read(1, f"/proc/{service_pid(lab, title)}/mountinfo")
        assert "flash-of-that-moment" not in seen
    finally:
        lab.run(1, "umount", "/flash")
        lab.run(1, "umount", "/mnt")
    seen = lab.read(1, f"/proc/{service_pid(lab, title)}/mountinfo")
    assert "mounted-later" not in seen


def used(lab: Lab) -> int:
    """KiB that lie in /run."""
    return int(lab.run(1, "df", "--output=used", "/run").stdout.split()[-1])


def test_it_cannot_fill_run(lab: Lab) -> None:
    before = used(lab)
    inside(lab, "haproxy", "dd", "if=/dev/zero", "of=/run/haproxy/large", "bs=1M", "count=100", check=False)
    assert int(lab.run(1, "stat", "-c", "%s", "/run/haproxy/large").stdout) <= 16 << 20
    assert used(lab) < before + 1024, "what a line more in a log takes"
    lab.run(1, "rm", "/run/haproxy/large")
