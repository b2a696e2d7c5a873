"""The management sshd on a real node: its host key, its check, and who is logged in while it is restarted."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import HOLD, PYTHON, append, run_service, service_pid, service_row

#: in a lab of this module
NODES = 1

CONFIG = "/etc/ssh/sshd_config"
SSH = (
    "ssh",
    "-i",
    "/tmp/key",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "BatchMode=yes",
)


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose root can log in."""
    module_lab.run(1, "sh", "-c", PREPARE)
    run_service(module_lab, "sshd", "apply")
    yield module_lab
    module_lab.run(1, "cp", f"/usr/share/factory{CONFIG}", CONFIG)
    module_lab.run(1, "cp", "/usr/share/factory/etc/config.rc", "/etc/config.rc")
    run_service(module_lab, "sshd", "restart")


PREPARE = """
rm -f /tmp/key /tmp/key.pub
ssh-keygen -q -t ed25519 -N '' -f /tmp/key
mkdir -p /etc/ssh/authorized_keys
cp /tmp/key.pub /etc/ssh/authorized_keys/root
"""


def test_the_host_key_is_made_once(lab: Lab) -> None:
    key = lab.read(1, "/etc/ssh/ssh_host_ed25519_key.pub")
    assert lab.run(1, "stat", "-c", "%a %U", "/etc/ssh/ssh_host_ed25519_key").stdout == "600 root\n"
    run_service(lab, "sshd", "restart")
    assert lab.read(1, "/etc/ssh/ssh_host_ed25519_key.pub") == key
    assert not service_row(lab, "sshd")["needs_apply"]


def test_who_is_logged_in_stays_so_while_it_is_reloaded_and_restarted(lab: Lab) -> None:
    session = lab.start(1, *SSH, "root@127.0.0.1", "echo in; cat")
    assert session.stdin and session.stdout and session.stdout.readline() == b"in\n"
    for verb in ("reload", "restart", "stop"):
        before = service_pid(lab, "sshd")
        run_service(lab, "sshd", verb)
        assert service_row(lab, "sshd")["pid"] != before
        session.stdin.write(verb.encode() + b"\n")
        session.stdin.flush()
        assert session.stdout.readline() == verb.encode() + b"\n"
        if verb != "stop":
            assert lab.run(1, *SSH, "root@127.0.0.1", "echo again").stdout == "again\n"
    session.stdin.close()
    assert session.wait(60) == 0


def test_an_invalid_configuration_does_not_lock_the_operator_out(lab: Lab) -> None:
    before = service_pid(lab, "sshd")
    append(lab, CONFIG, "NoSuchWord yes\n")
    for verb in ("reload", "restart", "apply"):
        error = run_service(lab, "sshd", verb, status=4).stderr
        assert "NoSuchWord" in error and CONFIG in error
    assert service_pid(lab, "sshd") == before


def test_a_host_key_that_others_may_read_is_said_with_the_remedy(lab: Lab) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    lab.run(1, "chmod", "644", key)
    try:
        said = run_service(lab, "sshd", "check", status=4).stderr
        assert f"others may read {key}, so sshd does not use it: chmod 600 {key}" in said
    finally:
        lab.run(1, "chmod", "600", key)
    assert run_service(lab, "sshd", "check").stderr == "", "the control"


def test_port_and_address_of_the_block(lab: Lab) -> None:
    lab.run(1, "config", "add", "sshd", "port", "2022")
    lab.run(1, "config", "add", "sshd", "listen", "127.0.0.1")
    run_service(lab, "sshd", "apply")
    assert lab.run(1, *SSH, "-p", "2022", "root@127.0.0.1", "echo there").stdout == "there\n"
    assert lab.run(1, *SSH, "root@127.0.0.1", "true", check=False).status == 255
    listening = lab.run(1, "ss", "-Hltn", "sport = 2022").stdout
    assert "127.0.0.1:2022" in listening and "0.0.0.0" not in listening.split()[3]


def test_a_taken_port_is_said_with_sshds_words(lab: Lab) -> None:
    lab.run(1, "config", "add", "sshd", "port", "8022")
    lab.run(1, "config", "add", "sshd", "listen", "127.0.0.1")
    holder = lab.start(1, PYTHON, "-c", HOLD, "8022")
    assert holder.stdout and holder.stdout.readline()
    run_service(lab, "sshd", "stop")
    error = run_service(lab, "sshd", "start", status=1).stderr
    holder.kill()
    assert "Bind to port 8022 on 127.0.0.1 failed: Address already in use" in error
    assert service_row(lab, "sshd")["state"] == "failed"
    assert not eventually(lambda: service_row(lab, "sshd")["state"] != "failed", 1.5)


def test_another_configuration_file_counts(lab: Lab) -> None:
    lab.run(1, "sh", "-c", f"cat {CONFIG} >/etc/ssh/other_config; echo 'Port 2222' >>/etc/ssh/other_config")
    lab.run(1, "config", "set", "sshd", "config", "/etc/ssh/other_config")
    run_service(lab, "sshd", "apply")
    assert lab.run(1, *SSH, "-p", "2222", "root@127.0.0.1", "echo there").stdout == "there\n"
    lab.run(1, "rm", "/etc/ssh/other_config")
