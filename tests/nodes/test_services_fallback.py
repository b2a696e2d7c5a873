"""A service that was stopped for something that does not start runs again as before; one that cannot is not silently down."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab_driver import Lab, eventually
from service_helpers import HOLD, PYTHON, answer, append, run_service, service_pid, service_row

CONFIG = "/etc/ssh/sshd_config"
#: takes port 22 in both families as soon as nobody else has it
SNATCH = """
import socket, time
print("trying", flush=True)
while True:
    try:
        held = socket.create_server(("::", 22), family=socket.AF_INET6, dualstack_ipv6=True)
        break
    except OSError:
        time.sleep(0.001)
time.sleep(600)
"""


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose sshd is as the factory has it, before and after."""
    yield module_lab
    module_lab.run(1, "config", "del", "sshd", "port", check=False)
    module_lab.run(1, "cp", f"/usr/share/factory{CONFIG}", CONFIG)
    run_service(module_lab, "sshd", "restart")


@contextmanager
def running(lab: Lab, program: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    begun = lab.start(1, PYTHON, "-c", program, *words)
    try:
        yield begun
    finally:
        begun.kill()
        begun.communicate()


@contextmanager
def taken(lab: Lab, port: int) -> Iterator[None]:
    """Somebody else has a port."""
    with running(lab, HOLD, str(port)) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        yield


def listening(lab: Lab) -> str:
    return lab.run(1, "ss", "-Hltn", "sport = :22").stdout


@pytest.mark.all(but=["block-apply", "file-restart"])
@pytest.mark.parametrize("verb", ["apply", "restart"])
@pytest.mark.parametrize("where", ["block", "file"])
def test_what_ran_comes_back_where_the_new_one_does_not_start(lab: Lab, where: str, verb: str) -> None:
    before = service_pid(lab, "sshd")
    address = "AddressFamily inet\nPort 2222\n"
    if where == "block":
        lab.run(1, "config", "add", "sshd", "port", "2222")
    append(lab, CONFIG, address if where == "file" else "AddressFamily inet\n")
    edited = lab.read(1, CONFIG)
    with taken(lab, 2222):
        error = run_service(lab, "sshd", verb, status=1).stderr
    assert "Address already in use" in error and "what ran before runs again" in error
    assert service_pid(lab, "sshd") != before and listening(lab) != ""
    assert lab.read(1, CONFIG) == edited and service_row(lab, "sshd")["needs_apply"]
    assert lab.run(1, "ls", "-A", "/etc/.staging", check=False).stdout == ""
    run_service(lab, "sshd", verb)
    assert listening(lab) == "", "the control: with the port free it does what was wanted"


def test_what_cannot_come_back_either_has_failed_and_says_so(lab: Lab) -> None:
    lab.run(1, "config", "add", "sshd", "port", "2222")
    append(lab, CONFIG, "AddressFamily inet\n")
    with taken(lab, 2222), running(lab, SNATCH) as snatcher:
        assert snatcher.stdout and snatcher.stdout.readline() == b"trying\n"
        error = run_service(lab, "sshd", "apply", status=1).stderr
        assert "it is down: what ran before does not start again: " in error
        assert service_row(lab, "sshd")["state"] == "failed"
        assert "Address already in use" in run_service(lab, "sshd", "status", status=1).stdout


@contextmanager
def full(lab: Lab, place: str) -> Iterator[None]:
    """A file system in memory has no room left."""
    used = lab.run(1, "df", "--output=used", "-k", place).stdout.split()[-1]
    lab.run(1, "mount", "-o", f"remount,size={used}k", place)
    try:
        yield
    finally:
        lab.run(1, "mount", "-o", "remount,size=50%", place)


@pytest.mark.parametrize("title", ["haproxy", "sshd"])
def test_a_restart_without_room_in_run_stops_nothing(lab: Lab, title: str) -> None:
    before = service_pid(lab, title)
    with full(lab, "/run"):
        error = run_service(lab, title, "restart", status=1).stderr
        assert "No space left on device" in error and "hint: make room" in error
        assert service_pid(lab, title) == before and answer(lab) != "" and listening(lab) != ""
    run_service(lab, title, "restart")
    assert eventually(lambda: service_pid(lab, title) != before)
