"""Which process a pid means: start time and program, however a program names itself, and whoever has the pid later."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil

from firmware import processes


def sleeper(seconds: int = 600) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(["sleep", str(seconds)])
    while psutil.Process(child.pid).cmdline()[:1] != ["sleep"]:
        time.sleep(0.01)
    return child


def test_a_process_is_the_same_until_it_ends() -> None:
    child = sleeper()
    known = processes.identity(child.pid)
    assert known is not None and processes.is_alive(known) and known == processes.identity(child.pid)
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not processes.is_alive(known)  # a zombie is nobody
    child.wait()
    assert not processes.is_alive(known) and processes.identity(child.pid) is None


def test_another_start_or_another_program_is_somebody_else() -> None:
    child = sleeper()
    known = processes.identity(child.pid)
    assert known is not None
    for other in (replace(known, started=known.started - 0.01), replace(known, program="/usr/bin/other")):
        assert not processes.is_alive(other)
        assert not processes.send_signal(other, signal.SIGKILL)
    assert child.poll() is None
    assert processes.send_signal(known, signal.SIGKILL) and child.wait() == -signal.SIGKILL
    assert not processes.send_signal(known, signal.SIGKILL)


def test_what_replaces_itself_is_another_program() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import os, time; time.sleep(0.5); os.execvp('sleep', ['sleep', '600'])"]
    )
    known = processes.identity(child.pid)
    while psutil.Process(child.pid).name() != "sleep":
        time.sleep(0.02)
    assert not processes.is_alive(known)
    child.kill()
    child.wait()


def test_a_changed_title_is_still_the_same_process() -> None:
    """As sshd does: it writes over its own arguments."""
    child = subprocess.Popen(["bash", "-c", "exec -a 'sshd: listener 1 of 10' sleep 600"])
    while psutil.Process(child.pid).cmdline()[:1] != ["sshd: listener 1 of 10"]:
        time.sleep(0.01)
    assert processes.is_running(child.pid, "sleep")
    assert not processes.is_running(child.pid, "sleep 5")
    child.kill()
    child.wait()


def test_names_by_which_a_process_is_known() -> None:
    child = sleeper(601)
    assert all(
        processes.is_running(child.pid, name) for name in ("sleep", "sleep 601", psutil.Process(child.pid).exe())
    )
    assert not any(processes.is_running(child.pid, name) for name in ("", "slee", "sleep 60", "sleep 601 x", "601"))
    child.kill()
    child.wait()
    assert not processes.is_running(child.pid, "sleep")


def test_no_such_pid() -> None:
    for pid in (-1, 0, 2**22 + 1, 10**30):
        assert processes.identity(pid) is None or pid == 0
        assert not processes.is_running(pid, "sleep")


def deaf_to_term() -> subprocess.Popen[bytes]:
    """A process that only KILL ends. It is no shell: what a shell forks bears the shell's own command line until it executes."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", deaf, str(os.getpid())], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"\n"
    child.stdout.close()
    return child


def test_end_all_by_command_spares_all_others() -> None:
    wanted, other, longer = sleeper(7001), sleeper(7002), sleeper(70011)
    deaf = deaf_to_term()
    assert processes.terminate_all(command="sleep 7001") == 1
    assert not psutil.pid_exists(wanted.pid)
    assert all(processes.is_running(child.pid, "sleep") for child in (other, longer))
    command = " ".join(psutil.Process(deaf.pid).cmdline())
    assert processes.terminate_all(command=command, seconds=0.3) == 1
    assert not psutil.pid_exists(deaf.pid)
    assert processes.terminate_all() == 0
    for child in (other, longer):
        child.kill()
        child.wait()


def test_ports_are_those_of_the_process_itself() -> None:
    import socket

    with socket.socket() as held:
        assert processes.listening_ports(os.getpid()) == set()
        held.bind(("127.0.0.1", 0))
        held.listen()
        assert processes.listening_ports(os.getpid()) == {held.getsockname()[1]}
        child = sleeper()
        assert processes.listening_ports(child.pid) == set()
        child.kill()
        child.wait()


def test_a_group_that_is_ended_leaves_no_zombie() -> None:
    leader = subprocess.Popen(["sh", "-c", "sleep 4711 & exec sleep 4711"], start_new_session=True)
    processes.end_group(leader.pid)
    assert not Path("/proc", str(leader.pid)).exists()
    processes.end_group(leader.pid)  # it is gone, and that is no error
    leader.wait()
