"""Daemons under s6 on a real node: started, stopped, killed, crashing, not starting; nobody else's process is touched."""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from lab_driver import Lab, eventually
from service_helpers import (
    HOLD,
    PYTHON,
    append,
    held_down,
    is_started_again,
    page,
    run_service,
    service_pid,
    service_row,
)
from time_limits import time_limit

CONFIG = "/etc/haproxy/haproxy.cfg"


#: how a stand-in for haproxy begins
IMPORTS = """#!/usr/bin/python3
import os, signal, socket, subprocess, sys, threading, time
"""
#: from then on it answers at the master's socket as long as it lives, in a thread of its own, and is taken to have started
ANSWERS = """
place = "/run/haproxy/master.sock"
if os.path.exists(place):
    os.unlink(place)
held = socket.socket(socket.AF_UNIX)
held.bind(place)
held.listen()
def serve():
    while True:
        client = held.accept()[0]
        client.recv(100)
        client.sendall(b"Pid: 1\\n")
        client.close()
threading.Thread(target=serve, daemon=True).start()
"""


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node on which haproxy runs as the test before it found it."""
    yield module_lab
    module_lab.write(1, CONFIG, page("factory"))
    run_service(module_lab, "haproxy", "restart")


def processes(lab: Lab, pattern: str) -> list[int]:
    return [int(word) for word in lab.run(1, "pgrep", "-f", pattern, check=False).stdout.split()]


def status(lab: Lab) -> str:
    """What `service haproxy status` says, whatever its exit status."""
    return lab.run(1, "service", "haproxy", "status", check=False).stdout


def test_every_factory_service_runs_after_boot(fresh_lab: Lab) -> None:
    rows = json.loads(run_service(fresh_lab, "list", "--json").stdout)
    assert [one["name"] for one in rows] == ["system", "network", "syslogd", "sshd", "haproxy", "wui", "csyncd"]
    assert [one["state"] for one in rows] == ["running"] * 6 + ["stopped"]
    assert [one["autostart"] for one in rows] == [True] * 6 + [False]
    assert not any(one["needs_apply"] for one in rows)
    for one in rows[2:6]:
        assert abs(one["since"] - time.time()) < 60
        assert fresh_lab.run(1, "cat", f"/proc/{one['pid']}/comm").stdout


def test_haproxy_has_only_the_right_to_bind_low_ports(lab: Lab) -> None:
    master = service_pid(lab, "haproxy")
    workers = lab.run(1, "pgrep", "-P", str(master)).stdout.split()
    assert workers
    for process in (str(master), *workers):
        lines = lab.read(1, f"/proc/{process}/status").splitlines()
        status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
        uid = lab.run(1, "id", "-u", "haproxy").stdout.strip()
        assert status["Uid"] == [uid] * 4 and status["Groups"] == []
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind][0], 16) == 1 << 10, kind  # CAP_NET_BIND_SERVICE
        assert status["NoNewPrivs"] == ["1"]
    assert lab.read(1, f"/proc/{master}/cmdline").split("\0")[0] == "haproxy"


def test_syslogd_has_no_right_at_all(lab: Lab) -> None:
    status = lab.read(1, f"/proc/{service_pid(lab, 'syslogd')}/status")
    assert (
        "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    )


def test_start_and_stop_are_quiet_when_there_is_nothing_to_do(lab: Lab) -> None:
    before = service_pid(lab, "haproxy")
    run_service(lab, "haproxy", "start")
    assert service_pid(lab, "haproxy") == before
    for _ in range(2):
        run_service(lab, "haproxy", "stop")
        assert service_row(lab, "haproxy")["state"] == "stopped" and service_row(lab, "haproxy")["pid"] is None
        run_service(lab, "haproxy", "status", status=3)
    assert processes(lab, "^haproxy ") == []
    run_service(lab, "haproxy", "start")
    run_service(lab, "haproxy", "status")
    assert service_pid(lab, "haproxy") != before


def test_a_killed_daemon_is_back_and_the_others_are_untouched(lab: Lab) -> None:
    others = {title: service_pid(lab, title) for title in ("syslogd", "sshd", "wui")}
    before = service_pid(lab, "haproxy")
    workers = set(processes(lab, "^haproxy "))
    with held_down(lab, "haproxy"):
        lab.run(1, "kill", "-KILL", str(before))
        assert eventually(lambda: "ended: killed by signal 9" in status(lab))
        assert "failed" in run_service(lab, "haproxy", "status", status=1).stdout
    assert is_started_again(lab, "haproxy", before)
    assert not workers & set(processes(lab, "^haproxy "))  # no worker of the dead master serves on
    shown = run_service(lab, "haproxy", "status").stdout
    assert "ended by itself 1 time" in shown and "killed by signal 9" in shown
    assert {title: service_pid(lab, title) for title in others} == others
    run_service(lab, "haproxy", "restart")
    assert "by itself" not in run_service(lab, "haproxy", "status").stdout


def test_nothing_that_a_dead_daemon_started_stays_behind(lab: Lab) -> None:
    run_service(lab, "haproxy", "stop")
    lab.write(
        1,
        "/usr/local/bin/parent",
        f"{IMPORTS}subprocess.Popen(['sleep', '4321'])\n{ANSWERS}subprocess.run(['sleep', '4322'])\n",
    )
    lab.run(1, "chmod", "755", "/usr/local/bin/parent")
    lab.run(1, "config", "add", "haproxy", "cmdline", f"{PYTHON} /usr/local/bin/parent")
    try:
        run_service(lab, "haproxy", "start")
        assert eventually(lambda: len(processes(lab, "^sleep 432[12]")) == 2)
        before = set(processes(lab, "^sleep 432[12]"))
        lab.run(1, "kill", "-KILL", str(service_pid(lab, "haproxy")))
        assert eventually(
            lambda: len(processes(lab, "^sleep 432[12]")) == 2 and not before & set(processes(lab, "^sleep 432[12]"))
        )
        run_service(lab, "haproxy", "stop")
        assert processes(lab, "^sleep 432[12]") == []
    finally:
        lab.run(1, "config", "del", "haproxy", "cmdline")


@pytest.mark.all(but=["wui"])
@pytest.mark.parametrize("title", ["syslogd", "sshd", "wui"])
def test_each_daemon_comes_back(lab: Lab, title: str) -> None:
    before = service_pid(lab, title)
    lab.run(1, "kill", "-KILL", str(before))
    assert is_started_again(lab, title, before)


def test_a_crash_loop_is_shown_as_failed_and_costs_next_to_nothing(lab: Lab) -> None:
    lab.run(1, "service", "haproxy", "stop")
    lab.write(
        1,
        "/usr/local/bin/crash",
        f"{IMPORTS}{ANSWERS}while not os.path.exists('/run/haproxy/crash'):\n    time.sleep(0.02)\n"
        "print('about to crash', file=sys.stderr, flush=True)\nos._exit(7)\n",
    )
    lab.run(1, "chmod", "755", "/usr/local/bin/crash")
    lab.run(1, "config", "add", "haproxy", "bin", "/usr/local/bin/crash")
    lab.run(1, "config", "add", "haproxy", "procname", "python3")
    try:
        run_service(lab, "haproxy", "start")
        lab.run(1, "touch", "/run/haproxy/crash")
        assert eventually(lambda: service_row(lab, "haproxy")["state"] == "failed")
        began, used, crashes = time.monotonic(), ticks(lab), details(lab)["crashes"]
        assert eventually(lambda: details(lab)["crashes"] >= crashes + 2)
        seconds, data = time.monotonic() - began, details(lab)
        assert ticks(lab) - used < 10 + 10 * seconds, "a tenth of a processor"
        assert data["crashes"] - crashes <= seconds + 2, "no more than one a second"
        assert "about to crash" in data["words"] and "exit status 7" in data["words"]
    finally:
        lab.run(1, "config", "del", "haproxy", "bin")
        lab.run(1, "config", "del", "haproxy", "procname")
        run_service(lab, "haproxy", "stop")
        lab.run(1, "rm", "-f", "/run/haproxy/crash")


def details(lab: Lab) -> dict[str, Any]:
    """What `service haproxy status --json` says."""
    return dict(json.loads(lab.run(1, "service", "haproxy", "status", "--json", check=False).stdout))


def ticks(lab: Lab) -> int:
    """The CPU time that the processes of haproxy's supervisor have used, in hundredths of a second."""
    supervisor, *_ = processes(lab, "^s6-supervise haproxy$")  # and, for a moment, a child that has not begun yet
    fields = lab.read(1, f"/proc/{supervisor}/stat").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def test_a_start_on_a_taken_port_fails_with_the_reason_and_leaves_nothing(lab: Lab) -> None:
    """One port is looked at before the start; of a range, haproxy alone knows."""
    run_service(lab, "haproxy", "stop")
    lab.write(1, CONFIG, page("x", 8099))
    holder = lab.start(1, PYTHON, "-c", HOLD, "8099")
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    try:
        error = run_service(lab, "haproxy", "start", status=4).stderr
        assert error.startswith(f"{CONFIG}:10: cannot bind 0.0.0.0:8099: Address already in use")
        assert service_row(lab, "haproxy")["state"] == "stopped"
        lab.write(1, CONFIG, page("x", 8099).replace(":8099", ":8098-8099"))
        error = run_service(lab, "haproxy", "start", status=1).stderr
        assert error.startswith("service haproxy start: service haproxy: not started: ")
        assert "Address already in use" in error and "exit status 1" in error
        shown = run_service(lab, "haproxy", "status", status=1).stdout
        assert "failed" in shown and "Address already in use" in shown
        assert service_row(lab, "haproxy")["state"] == "failed" and service_row(lab, "haproxy")["needs_apply"]
        time.sleep(1.5)
        assert processes(lab, "^haproxy ") == []  # it is not tried again and again
    finally:
        holder.kill()
    run_service(lab, "haproxy", "start")
    assert not service_row(lab, "haproxy")["needs_apply"]


def test_an_invalid_configuration_is_not_started_nor_does_it_stop_what_runs(lab: Lab) -> None:
    before = service_pid(lab, "haproxy")
    append(lab, CONFIG, "    bogus word\n")
    for verb in ("check", "restart", "reload", "apply"):
        error = run_service(lab, "haproxy", verb, status=4).stderr
        assert "unknown keyword 'bogus'" in error and CONFIG in error
        assert service_pid(lab, "haproxy") == before
    run_service(lab, "haproxy", "stop")
    run_service(lab, "haproxy", "start", status=4)
    run_service(lab, "haproxy", "status", status=3)


#: interrupts a `service haproxy stop` once it has given its order, and waits
INTERRUPT_STOP = """
until [ "$(s6-svstat -o wantedup /run/firmware/scan/haproxy)" = false ]; do sleep 0.02; done
pkill -INT -f '^/usr/bin/python3 -IS .*/service haproxy stop$'
"""


def test_a_daemon_that_ignores_term_is_killed_in_bounded_time(lab: Lab) -> None:
    run_service(lab, "haproxy", "stop")
    lab.write(
        1, "/usr/local/bin/deaf", f"{IMPORTS}signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{ANSWERS}time.sleep(600)\n"
    )
    lab.run(1, "chmod", "755", "/usr/local/bin/deaf")
    lab.run(1, "config", "add", "haproxy", "cmdline", f"{PYTHON} /usr/local/bin/deaf")
    try:
        run_service(lab, "haproxy", "start")
        stopping = lab.start(1, "service", "haproxy", "stop")
        lab.run(1, "sh", "-ec", INTERRUPT_STOP)
        assert stopping.communicate(timeout=200)[1] == b"service haproxy: interrupted: it is stopped now\n"
        assert service_row(lab, "haproxy")["state"] == "stopped"
        lab.run(1, "pkill", "-KILL", "-f", "/usr/local/bin/deaf", check=False)
        assert eventually(lambda: processes(lab, "/usr/local/bin/deaf") == [])
        run_service(lab, "haproxy", "start")
        begun = time.monotonic()
        run_service(lab, "haproxy", "stop")
        assert 4 < time.monotonic() - begun < 30
        assert processes(lab, "/usr/local/bin/deaf") == []
    finally:
        lab.run(1, "config", "del", "haproxy", "cmdline")


@pytest.mark.all(but=["2"])
@pytest.mark.parametrize("seconds", [2, 30])
def test_one_that_never_answers_is_taken_down_again(lab: Lab, seconds: int) -> None:
    """Within the real limit, and a short one."""
    run_service(lab, "haproxy", "stop")
    lab.run(1, "config", "add", "haproxy", "cmdline", "/bin/sleep 1234")
    short = time_limit(lab, 1, "services.supervisor", "UP_SECONDS", seconds) if seconds != 30 else nullcontext()
    try:
        with short:
            error = run_service(lab, "haproxy", "start", status=1).stderr
        assert f"no worker answers at /run/haproxy/master.sock after {seconds} s" in error
        assert processes(lab, "sleep 1234") == []
    finally:
        lab.run(1, "config", "del", "haproxy", "cmdline")


def test_a_recycled_pid_is_neither_believed_nor_signalled(lab: Lab) -> None:
    """The note of a daemon's pid outlives it, and another process has that pid."""
    supervisor, *_ = processes(lab, "^s6-supervise haproxy$")  # and, for a moment, a child that has not begun yet
    run_service(lab, "haproxy", "stop")
    stranger = lab.start(1, "sh", "-c", "echo $$; exec sleep 600")
    assert stranger.stdout
    other = int(stranger.stdout.readline())
    try:
        lab.run(
            1, "sh", "-c", f"rm /run/firmware/scan/haproxy/down; echo {other} 12345 >/run/firmware/scan/haproxy/pid"
        )
        assert service_row(lab, "haproxy")["state"] == "failed" and service_row(lab, "haproxy")["pid"] is None
        run_service(lab, "haproxy", "stop")
        run_service(lab, "haproxy", "start")
        run_service(lab, "haproxy", "stop")
        assert lab.run(1, "kill", "-0", str(other)).status == 0
        assert eventually(lambda: processes(lab, "^s6-supervise haproxy$") == [supervisor])
    finally:
        stranger.kill()


def test_it_works_on_when_the_supervisors_were_killed(lab: Lab) -> None:
    before = {title: service_pid(lab, title) for title in ("haproxy", "sshd", "syslogd", "wui")}
    lab.run(1, "sh", "-c", "kill -KILL $(pgrep -f '^/usr/bin/s6-svscan')")
    assert {title: service_pid(lab, title) for title in before} == before
    assert eventually(lambda: bool(processes(lab, "^/usr/bin/s6-svscan")))
    run_service(lab, "haproxy", "reload")
    run_service(lab, "haproxy", "restart")
    for title in ("syslogd", "sshd", "wui"):
        assert service_pid(lab, title) == before[title]
    running = service_pid(lab, "haproxy")
    assert running != before["haproxy"]
    lab.run(1, "kill", "-KILL", str(running))
    assert is_started_again(lab, "haproxy", running)
    # With its own s6-supervise its daemon goes, and a new one starts it again: there are never two.
    running = service_pid(lab, "haproxy")
    lab.run(1, "sh", "-c", "kill -KILL $(pgrep -f '^s6-supervise haproxy$')")
    assert is_started_again(lab, "haproxy", running)
    # A master and, as soon as it has read its configuration, one worker; those of before may be on their way out.
    assert eventually(lambda: len(processes(lab, "^haproxy ")) == 2)
    run_service(lab, "haproxy", "stop")
    assert processes(lab, "^haproxy ") == []


def test_logs_are_bounded_and_their_last_words_are_found_after_a_turn(lab: Lab) -> None:
    lab.write(
        1,
        "/usr/local/bin/chatty",
        "#!/bin/sh\ni=0\nwhile [ $i -lt 9000 ]; do echo line $i of a very long story, told again and again; i=$((i+1)); done\necho farewell\nexit 3\n",
    )
    lab.run(1, "chmod", "755", "/usr/local/bin/chatty")
    run_service(lab, "haproxy", "stop")
    lab.run(1, "config", "add", "haproxy", "cmdline", "/usr/local/bin/chatty")
    try:
        error = run_service(lab, "haproxy", "start", status=1).stderr
        assert "farewell" in error and "exit status 3" in error
        assert int(lab.run(1, "du", "-sk", "/run/firmware/log/haproxy").stdout.split()[0]) < 400
    finally:
        lab.run(1, "config", "del", "haproxy", "cmdline")


def test_commands_on_one_service_wait_for_each_other(lab: Lab) -> None:
    runs = [lab.start(1, "service", "haproxy", verb) for verb in ("restart", "reload", "restart", "reload")]
    for run in runs:
        _, error = run.communicate(timeout=200)
        assert run.returncode == 0, error
    assert eventually(lambda: len(processes(lab, "^haproxy ")) == 2)  # a former worker may still be on its way out


def test_an_order_to_stop_never_comes_after_the_order_to_start_that_followed_it(lab: Lab) -> None:
    slow = '#!/bin/sh\n[ "$1" != -d ] || sleep 0.5\nexec /usr/bin/s6-svc.real "$@"\n'
    run_service(lab, "haproxy", "stop")
    lab.run(1, "sh", "-ec", 'mv "$0" "$0.real"; cat >"$0"; chmod +x "$0"', "/usr/bin/s6-svc", stdin=slow)
    try:
        run_service(lab, "haproxy", "restart")
        time.sleep(0.6)
        assert service_row(lab, "haproxy")["state"] == "running"
    finally:
        lab.run(1, "mv", "/usr/bin/s6-svc.real", "/usr/bin/s6-svc")


def test_a_killed_start_leaves_a_service_that_can_be_started(lab: Lab) -> None:
    for pause in (0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3):
        run_service(lab, "haproxy", "stop")
        run = lab.start(1, "service", "haproxy", "start")
        time.sleep(pause)
        run.kill()
        run.wait()
        run_service(lab, "haproxy", "restart")
        assert not service_row(lab, "haproxy")["needs_apply"]
        assert eventually(lambda: len(processes(lab, "^haproxy ")) == 2)
