"""What `service system` says takes effect on a node, and goes when it is not said any more."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, append, run_service


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    before = module_lab.read(1, "/etc/config.rc")
    yield module_lab
    module_lab.write(1, "/etc/config.rc", before)
    run_service(module_lab, "system", "apply")


def waiting(lab: Lab) -> int:
    """How many consoles there are whose device this node lacks."""
    return len(lab.run(1, "pgrep", "-P", "1", "-x", "sleep", check=False).stdout.split())


def test_hosts_of_the_block_are_known_beside_those_of_the_operator(lab: Lab) -> None:
    append(lab, "/etc/hosts", "192.0.2.9 mine\n")
    lab.run(1, "config", "add", "system", "host", "192.0.2.7", "store.example.com", "store")
    run_service(lab, "system", "apply")
    for name, address in (("store", "192.0.2.7"), ("mine", "192.0.2.9")):
        assert lab.run(1, "getent", "hosts", name).stdout.split()[0] == address
    lab.run(1, "config", "del", "system", "host")
    run_service(lab, "system", "apply")
    assert lab.run(1, "getent", "hosts", "mine").stdout
    assert "store" not in lab.read(1, "/etc/hosts")


def test_the_time_zone_counts_for_programs_and_python(lab: Lab) -> None:
    programs = ("date", "+%Z"), (PYTHON, "-c", "import time; print(time.strftime('%Z'))")
    lab.run(1, "config", "set", "system", "timezone", "Asia/Tokyo")
    run_service(lab, "system", "apply")
    assert [lab.run(1, *program).stdout for program in programs] == ["JST\n"] * 2
    lab.run(1, "config", "del", "system", "timezone")
    run_service(lab, "system", "apply")
    assert [lab.run(1, *program).stdout for program in programs] == ["UTC\n"] * 2


def test_init_keeps_a_login_on_each_console_and_ends_it_when_it_is_not_wanted(lab: Lab) -> None:
    before = waiting(lab)
    lab.run(1, "config", "set", "system", "vt_consoles", "2")
    lab.run(1, "config", "add", "system", "extra_consoles", "ttyS0:9600:vt100", "ttyS3:19200")
    run_service(lab, "system", "apply")
    lines = [
        line.split("console")[1].strip() for line in lab.read(1, "/etc/inittab").splitlines() if "/console" in line
    ]
    assert lines == ["tty1 38400 linux", "tty2 38400 linux", "ttyS0 9600 vt100", "ttyS3 19200 vt100"]
    assert eventually(lambda: waiting(lab) == before + 3), "the one on ttyS0 takes the place of the factory's"
    for key in ("vt_consoles", "extra_consoles"):
        lab.run(1, "config", "del", "system", key)
    run_service(lab, "system", "apply")
    assert eventually(lambda: waiting(lab) == before)
    assert lab.read(1, "/etc/inittab") == lab.read(1, "/usr/share/factory/etc/inittab")
