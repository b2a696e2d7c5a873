"""syslogd on a real node: its own file says which message goes where, and is checked before it counts."""

from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import append, run_service, service_pid, service_row

CONFIG = "/etc/syslogd/syslog.conf"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose syslogd is as the factory made it."""
    yield module_lab
    module_lab.run(1, "cp", f"/usr/share/factory{CONFIG}", CONFIG)
    run_service(module_lab, "syslogd", "apply")


def log(lab: Lab, priority: str, text: str) -> None:
    lab.run(1, "logger", "-p", priority, text)


def arrives(lab: Lab, path: str, text: str) -> bool:
    return eventually(lambda: text in lab.run(1, "cat", path, check=False).stdout)


def test_messages_go_where_the_factory_file_says(lab: Lab) -> None:
    log(lab, "user.notice", "hello")
    log(lab, "local0.debug", "detail of haproxy")
    assert arrives(lab, "/var/log/messages", "user.notice root: hello")
    assert arrives(lab, "/var/log/haproxy.log", "local0.debug root: detail of haproxy")
    assert "detail" not in lab.read(1, "/var/log/messages") and "hello" not in lab.read(1, "/var/log/haproxy.log")


def test_a_new_rule_counts_once_it_is_applied_and_the_daemon_is_another(lab: Lab) -> None:
    before = service_pid(lab, "syslogd")
    append(lab, CONFIG, "mail,user.warning;auth.* /var/log/some.log\n")
    assert service_row(lab, "syslogd")["needs_apply"]
    run_service(lab, "syslogd", "apply")
    assert service_pid(lab, "syslogd") != before and not service_row(lab, "syslogd")["needs_apply"]
    for priority in ("mail.warn", "mail.err", "user.crit", "auth.debug", "mail.notice", "daemon.err"):
        log(lab, priority, f"this is {priority}")
    assert arrives(lab, "/var/log/messages", "daemon.err")
    assert arrives(lab, "/var/log/some.log", "auth.debug")
    got = [line.rpartition(" ")[2] for line in lab.read(1, "/var/log/some.log").splitlines()]
    assert got == ["mail.warn", "mail.err", "user.crit", "auth.debug"]


def test_a_message_cannot_pose_as_another_facility(lab: Lab) -> None:
    log(lab, "user.info", "Nov 23 08:32:04 node1 local0.info haproxy[1]: forged")
    assert arrives(lab, "/var/log/messages", "forged")
    assert "forged" not in lab.read(1, "/var/log/haproxy.log")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("user.notice", "a rule is FACILITY.LEVEL, blanks, and a file below /var/log"),
        ("user.notice /etc/passwd", "'/etc/passwd' is not a file right below /var/log"),
        ("user.notice /var/log/../x", "'/var/log/../x' is not a file right below /var/log"),
        ("user.notice /var/log/a/b", "is not a file right below"),
        ("user.notice /var/log/csyncd", "is where others keep their own"),
        ("user.notice /var/log/messages.d", "is where others keep their own"),
        (f"{'user,' * 400}user.notice /var/log/x", "more than 1024 characters"),
        ("user.loud /var/log/x", "'user.loud' does not end in a level: emerg, alert"),
        ("local8.* /var/log/x", "'local8' is not a facility: kern, user"),
        ("user /var/log/x", "'user' does not end in a level"),
    ],
)
def test_mistakes_are_named_with_their_line_and_nothing_changes(lab: Lab, line: str, words: str) -> None:
    before = service_pid(lab, "syslogd")
    append(lab, CONFIG, f"# fine\n{line}\n")
    error = run_service(lab, "syslogd", "apply", status=4).stderr
    assert f"{CONFIG}:5: " in error and words in error
    assert service_pid(lab, "syslogd") == before and service_row(lab, "syslogd")["needs_apply"]


def test_logs_are_bounded(lab: Lab) -> None:
    lab.run(1, "config", "add", "syslogd", "size", "8")
    lab.run(1, "config", "add", "syslogd", "rotate", "2")
    try:
        run_service(lab, "syslogd", "apply")
        lab.run(1, "sh", "-c", 'for i in $(seq 400); do logger -p user.info "$i $(printf %0200d 1)"; done', timeout=100)
        assert arrives(lab, "/var/log/messages", " 400 0")
        sizes = lab.run(1, "sh", "-c", "cd /var/log/messages.d && stat -c %s @* current").stdout.split()
        assert 2 <= len(sizes) <= 3 and all(int(size) <= 8192 for size in sizes)
    finally:
        lab.run(1, "config", "del", "syslogd", "size")
        lab.run(1, "config", "del", "syslogd", "rotate")


def test_buffer_keeps_it_in_memory(lab: Lab) -> None:
    lab.run(1, "config", "add", "syslogd", "buffer", "16")
    try:
        run_service(lab, "syslogd", "apply")
        log(lab, "user.info", "in the ring")
        assert eventually(lambda: "in the ring" in lab.run(1, "logread", check=False).stdout)
    finally:
        lab.run(1, "config", "del", "syslogd", "buffer")


def test_copies_go_to_another_server(lab: Lab) -> None:
    receiver = lab.start(2, "/usr/bin/python3", "-c", RECEIVE)
    assert receiver.stdout and receiver.stdout.readline() == b"open\n"
    lab.run(1, "config", "add", "syslogd", "remote", "10.32.0.12:5140")
    try:
        run_service(lab, "syslogd", "apply")
        log(lab, "user.info", "for both")
        assert b"for both" in receiver.stdout.readline()
        assert arrives(lab, "/var/log/messages", "for both")
    finally:
        receiver.kill()
        lab.run(1, "config", "del", "syslogd", "remote")


RECEIVE = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("0.0.0.0", 5140))
print("open", flush=True)
while True:
    data = one.recv(2000)
    if b"for both" in data:
        print(data, flush=True)
        break
"""


def test_level_keeps_out_what_is_less_urgent(lab: Lab) -> None:
    lab.run(1, "config", "set", "syslogd", "level", "5")
    try:
        run_service(lab, "syslogd", "apply")
        log(lab, "user.notice", "too quiet")
        log(lab, "user.warning", "urgent enough")
        assert arrives(lab, "/var/log/messages", "urgent enough")
        assert "too quiet" not in lab.read(1, "/var/log/messages")
    finally:
        lab.run(1, "config", "del", "syslogd", "level")


def test_another_file_of_rules_counts_in_the_place_of_the_factorys(lab: Lab) -> None:
    lab.write(1, "/etc/syslogd/other.conf", "*.* /var/log/elsewhere\n")
    lab.run(1, "config", "set", "syslogd", "config", "/etc/syslogd/other.conf")
    try:
        run_service(lab, "syslogd", "apply")
        log(lab, "user.notice", "by other rules")
        assert arrives(lab, "/var/log/elsewhere", "by other rules")
        assert "by other rules" not in lab.read(1, "/var/log/messages")
    finally:
        lab.run(1, "config", "del", "syslogd", "config")
        lab.run(1, "rm", "/etc/syslogd/other.conf")
