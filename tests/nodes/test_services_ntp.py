"""The time of day on a node: a real daemon asks a server on another node, and may not set any clock here."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, run_service, service_pid, service_row

#: a server whose clock is three seconds ahead
SERVER = (Path(__file__).parents[1] / "support" / "time_server.py").read_text()
AHEAD = "3"
LOG = "/run/firmware/log/ntp/current"
ADDRESS = "10.32.0.12"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """Two nodes: the second one answers whoever asks for the time."""
    before = module_lab.read(1, "/etc/config.rc")
    server = module_lab.start(2, PYTHON, "-c", SERVER, AHEAD)
    assert server.stdout and server.stdout.readline() == b"open\n"
    yield module_lab
    server.kill()
    module_lab.run(1, "service", "ntp", "stop", check=False)
    module_lab.run(1, "rm", "-rf", "/etc/ntp")
    module_lab.write(1, "/etc/config.rc", before)


def configure(lab: Lab, *lines: str) -> None:
    text = lab.read(1, "/etc/config.rc").partition("\nservice ntp\n")[0]
    lab.write(1, "/etc/config.rc", text + "\nservice ntp\n" + "".join(f"\t{line}\n" for line in lines))


def says(lab: Lab, pattern: str) -> bool:
    return eventually(lambda: bool(re.search(pattern, lab.run(1, "cat", LOG, check=False).stdout)))


def attempts(lab: Lab) -> int:
    """How often it has tried to set the clock since the log began."""
    return lab.read(1, LOG).count("settimeofday")


def test_it_takes_the_time_from_the_server_that_is_named(lab: Lab) -> None:
    configure(lab, f"server {ADDRESS}")
    run_service(lab, "ntp", "start")
    assert says(lab, rf"reply from {re.escape(ADDRESS)}: offset (2\.9|3\.0)"), lab.read(1, LOG)
    assert says(lab, "settimeofday: Operation not permitted"), "at the start it sets the clock at once"
    assert eventually(lambda: "peers valid" in run_service(lab, "ntp", "status").stdout)
    users = {lab.run(1, "ps", "-o", "user=", "-p", pid, check=False).stdout.strip() for pid in pids(lab)}
    assert users - {""} == {"root", "ntpd"}, "what reads from the network is not root"


def test_without_hard_sync_it_does_not_set_the_clock_at_once(lab: Lab) -> None:
    configure(lab, f"server {ADDRESS}", "no hard_sync")
    run_service(lab, "ntp", "restart")
    before = attempts(lab)
    answers = lab.read(1, LOG).count("reply from")
    assert eventually(lambda: lab.read(1, LOG).count("reply from") > answers)
    assert attempts(lab) == before


def test_a_configuration_file_takes_the_place_of_server_lines(lab: Lab) -> None:
    lab.run(1, "mkdir", "-p", "/etc/ntp")
    lab.write(1, "/etc/ntp/ntpd.conf", "server nosuch.invalid extra\n")
    configure(lab, "config /etc/ntp/ntpd.conf")
    assert "/etc/ntp/ntpd.conf:1: syntax error" in run_service(lab, "ntp", "start", status=4).stderr
    lab.write(1, "/etc/ntp/ntpd.conf", f"server {ADDRESS}\n")
    run_service(lab, "ntp", "start")
    before = lab.read(1, LOG).count("reply from")
    assert eventually(lambda: lab.read(1, LOG).count("reply from") > before)


def test_a_server_that_has_no_address_keeps_nothing_from_starting(lab: Lab) -> None:
    configure(lab, "server nosuch.invalid")
    run_service(lab, "ntp", "start")
    pid = service_pid(lab, "ntp")
    assert eventually(lambda: "peers valid" in run_service(lab, "ntp", "status").stdout)
    assert service_pid(lab, "ntp") == pid


def test_nothing_of_it_stays_when_it_is_stopped(lab: Lab) -> None:
    configure(lab, f"server {ADDRESS}")
    run_service(lab, "ntp", "start")
    assert eventually(lambda: len(pids(lab)) == 3), "it, what asks, and what looks names up"
    run_service(lab, "ntp", "stop")
    assert eventually(lambda: pids(lab) == []) and service_row(lab, "ntp")["state"] == "stopped"


def pids(lab: Lab) -> list[str]:
    return lab.run(1, "pgrep", "^ntpd", check=False).stdout.split()
