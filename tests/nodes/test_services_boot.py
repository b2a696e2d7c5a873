"""Boot and shutdown on a real node: file order, services that fail, services that are off, what is said about it."""

import json
from contextlib import nullcontext

import pytest
import story
from lab_driver import Lab, eventually
from service_helpers import HOLD, PYTHON, page, run_service, service_row
from time_limits import time_limit

#: in a lab of this module
NODES = 1

RC = "/etc/config.rc"

#: `service boot` without the restore before it: what is started is to be what lies there now
START_ALL = "import sys; from firmware.flows import boot; sys.exit(bool(boot.start_all()))"


def console(lab: Lab) -> str:
    return (lab.state / "1" / "console.log").read_text()


def test_services_start_in_file_order_and_stop_in_reverse(fresh_lab: Lab) -> None:
    lab = fresh_lab
    assert "service csyncd: started" not in console(lab)
    lab.write(
        1, RC, "service haproxy\nservice sshd\nno autostart\nservice syslogd\nno service wui\nservice network eth0\n"
    )
    run_service(lab, "shutdown")
    rows = json.loads(run_service(lab, "list", "--json").stdout)
    assert all(one["state"] in ("stopped", "disabled") for one in rows if one["name"] != "system"), rows
    said = lab.run(1, PYTHON, "-c", START_ALL).stderr.splitlines()
    started = [line for line in said if line.endswith(": started")]
    assert started == [f"service {title}: started" for title in ("haproxy", "syslogd", "network.eth0")]
    rows = json.loads(run_service(lab, "list", "--json").stdout)
    states = {f"{one['name']}.{one['instance']}".rstrip("."): one["state"] for one in rows}
    assert list(states)[:5] == ["haproxy", "sshd", "syslogd", "wui", "network.eth0"]
    assert [states[title] for title in ("haproxy", "sshd", "syslogd", "wui")] == [
        "running",
        "stopped",
        "running",
        "disabled",
    ]
    assert not any(
        one["needs_apply"] for one in rows if one["state"] in ("stopped", "disabled") and one["name"] != "system"
    )


def test_shutdown_stops_in_reverse_order_and_leaves_no_process(fresh_lab: Lab) -> None:
    lab = fresh_lab
    run_service(lab, "shutdown")
    times = {
        title: float(lab.run(1, "stat", "-c", "%.9Y", f"/run/firmware/scan/{title}/down").stdout)
        for title in ("syslogd", "sshd", "haproxy", "wui")
    }
    assert sorted(times, key=lambda title: times[title]) == ["wui", "haproxy", "sshd", "syslogd"]
    for name in ("haproxy", "sshd", "syslogd"):
        assert lab.run(1, "pgrep", "-f", f"^(busybox |sshd: /usr/sbin/)?{name} -", check=False).stdout == ""


def test_a_service_that_fails_is_reported_and_the_others_go_on(fresh_lab: Lab) -> None:
    lab = fresh_lab
    run_service(lab, "shutdown")
    lab.run(1, "rm", "-rf", "/run/firmware/applied", "/run/firmware/booted")
    lab.write(1, "/etc/haproxy/haproxy.cfg", page("x", 8099))
    lab.write(1, "/etc/syslogd/syslog.conf", "nonsense\n")
    lab.run(
        1,
        "sh",
        "-c",
        f"printf 'service nothere\\n\\nservice network eth9\\n    mtu tiny\\n\\n' | cat - {RC} >/tmp/rc && cat /tmp/rc >{RC}",
    )
    holder = lab.start(1, PYTHON, "-c", HOLD, "8099")
    assert holder.stdout and holder.stdout.readline()
    failed = lab.run(1, PYTHON, "-c", START_ALL, check=False)
    assert failed.status == 1
    holder.kill()
    assert "service nothere: unknown (config.rc, line 1)" in failed.stderr
    assert "/etc/haproxy/haproxy.cfg:10: cannot bind 0.0.0.0:8099: Address already in use" in failed.stderr
    assert "service syslogd: its configuration is invalid" in failed.stderr
    assert "/etc/syslogd/syslog.conf:1: a rule is" in failed.stderr
    for title in ("sshd", "wui", "network.eth0"):
        assert service_row(lab, title)["state"] == "running"
        assert not service_row(lab, title)["needs_apply"]
    # Nobody has loaded them successfully.
    assert service_row(lab, "haproxy")["state"] == "failed" and service_row(lab, "haproxy")["needs_apply"]
    assert service_row(lab, "syslogd")["state"] == "failed" and service_row(lab, "syslogd")["needs_apply"]
    assert "/etc/syslogd/syslog.conf:1: a rule is" in run_service(lab, "syslogd", "status", status=1).stdout
    assert "mtu" in run_service(lab, "network.eth9", "status", status=1).stdout
    assert not service_row(lab, "csyncd")["needs_apply"]
    run_service(lab, "haproxy", "revert", status=3)
    assert service_row(lab, "haproxy")["state"] == "failed"
    # What was to run at boot and did not, runs once it is right.
    lab.write(1, "/etc/syslogd/syslog.conf", "*.* /var/log/messages\n")
    run_service(lab, "syslogd", "apply")
    assert service_row(lab, "syslogd")["state"] == "running"


def test_after_a_reboot_everything_is_up_again_from_what_is_saved(fresh_lab: Lab) -> None:
    lab = fresh_lab
    lab.write(1, "/etc/haproxy/haproxy.cfg", page("saved"))
    run_service(lab, "haproxy", "apply")
    lab.run(1, "config", "set", "csyncd", "autostart", "on")
    lab.run(1, "config", "set", "sshd", "autostart", "off")
    lab.run(1, "config", "save")
    lab.write(1, "/etc/haproxy/haproxy.cfg", page("not saved"))
    lab.reboot(1)
    assert lab.run(1, "curl", "-s", "http://127.0.0.1/").stdout == "saved"
    assert service_row(lab, "sshd")["state"] == "stopped" and not service_row(lab, "sshd")["needs_apply"]
    assert "restored generation 1" in console(lab)
    assert lab.run(1, "cat", "/run/firmware/booted").stdout == lab.run(1, "cat", "/run/firmware/booted").stdout
    lab.cut(1)
    assert lab.run(1, "curl", "-s", "http://127.0.0.1/").stdout == "saved"


def test_boot_waits_for_the_supervisor_and_says_if_there_is_none(fresh_lab: Lab) -> None:
    lab = fresh_lab
    wait = "from firmware.flows import boot; boot.await_supervisor(1.0)"
    assert lab.run(1, PYTHON, "-c", wait).status == 0
    lab.run(1, "sh", "-c", "mv /run/firmware/scan /run/firmware/away; mkdir /run/firmware/scan")
    done = lab.run(1, PYTHON, "-c", wait, check=False)
    assert done.status == 1 and "s6-svscan does not run after 1 s" in done.stderr
    lab.run(1, "sh", "-c", "rmdir /run/firmware/scan; mv /run/firmware/away /run/firmware/scan")
    later = lab.start(
        1, "sh", "-c", "mv /run/firmware/scan /run/firmware/away; sleep 1; mv /run/firmware/away /run/firmware/scan"
    )
    assert eventually(lambda: lab.run(1, PYTHON, "-c", wait.replace("1.0", "4.0"), check=False).status == 0)
    later.wait()


def test_a_config_rc_that_cannot_be_read_is_said_and_nothing_is_a_traceback(fresh_lab: Lab) -> None:
    lab = fresh_lab
    lab.run(1, "sh", "-c", f"mv {RC} /tmp/rc; mkdir {RC}")
    for words in (("list",), ("haproxy", "status"), ("haproxy", "start"), ("boot",)):
        done = lab.run(1, "service", *words, check=False)
        assert done.status in (1, 4) and "/etc/config.rc: not read: it is a directory" in done.stderr, words
        assert "Traceback" not in done.stderr and "hint: config restore" in done.stderr, words
    lab.run(1, "sh", "-c", f"rmdir {RC}; printf 'service haproxy \\\"\\nservice sshd\\n' >{RC}")
    rows = json.loads(run_service(lab, "list", "--json").stdout)
    assert {"haproxy", "sshd"} <= {one["name"] for one in rows}
    lab.run(1, "sh", "-c", f"rm {RC}; mkdir {RC}")
    assert "not read: it is a directory" in run_service(lab, "shutdown", status=1).stderr
    for name in ("haproxy", "sshd"):
        assert lab.run(1, "pgrep", "-x", name, check=False).stdout == "", "what runs is stopped in spite of it"


@pytest.mark.all(but=["short"])
@pytest.mark.parametrize("real", [False, True], ids=["short", "real"])
def test_a_daemon_that_takes_its_time_at_boot_is_not_given_up(fresh_lab: Lab, real: bool) -> None:
    """It has longer than one that an operator starts: the 30 s, or a second, that such a one has."""
    lab = fresh_lab
    lab.write(1, "/etc/csyncd/csyncd.cfg", story.settings(1))
    lab.write(1, "/tmp/slow", f"#!/bin/sh\nsleep {33 if real else 4}\nexec /usr/bin/python3 -m firmware csyncd\n")
    lab.run(1, "chmod", "755", "/tmp/slow")
    lab.write(1, RC, "service network eth0\nservice csyncd\n    bin /tmp/slow\n    procname python3\n")
    with nullcontext() if real else time_limit(lab, 1, "services.supervisor", "UP_SECONDS", 1):
        said = lab.run(1, PYTHON, "-c", START_ALL, timeout=200).stderr
    assert "service csyncd: started" in said, said
    assert service_row(lab, "csyncd")["state"] == "running"


def test_boot_on_a_node_that_has_booted_loses_nothing(fresh_lab: Lab) -> None:
    fresh_lab.run(1, "sh", "-c", "echo kept >/etc/unsaved; service haproxy stop; service boot")
    assert fresh_lab.read(1, "/etc/unsaved") == "kept\n"
    assert fresh_lab.run(1, "service", "haproxy", "status").status == 0


def test_a_boot_without_room_for_its_bookkeeping_says_what_failed_and_loses_nothing(fresh_lab: Lab) -> None:
    lab = fresh_lab
    lab.run(1, "config", "save")
    run_service(lab, "haproxy", "stop")
    lab.run(1, "mount", "-t", "tmpfs", "-o", "size=4k", "none", "/run/firmware/applied")
    done = run_service(lab, "boot", status=1)
    assert (
        "service haproxy: /run/firmware/applied/.haproxy.new: No space left on device\nhint: make room" in done.stderr
    )
    assert "inside the program" not in done.stderr
    assert service_row(lab, "haproxy")["state"] == "failed"
    assert "No space left on device" in run_service(lab, "haproxy", "status", status=1).stdout
    lab.run(1, "sh", "-c", "umount /run/firmware/applied; rm /run/firmware/booted; echo kept >/etc/unsaved")
    run_service(lab, "boot")
    assert lab.read(1, "/etc/unsaved") == "kept\n"
    assert service_row(lab, "haproxy")["state"] == "running"


def test_a_service_that_stands_in_config_rc_again_starts_once_and_is_said(fresh_lab: Lab) -> None:
    lab = fresh_lab
    lab.write(1, RC, lab.read(1, RC) + "\nno service haproxy\n\nno service nothere\n")
    run_service(lab, "haproxy", "stop", status=0)
    done = run_service(lab, "boot", status=1)
    said = [line for line in done.stderr.splitlines() if "haproxy" in line]
    assert said == [
        "service haproxy: it stands in config.rc again, line 19: only line 12 counts",
        "service haproxy: started",
    ]
    assert "nothere" not in done.stderr
    assert service_row(lab, "haproxy")["state"] == "running"
