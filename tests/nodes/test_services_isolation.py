"""A daemon and a checker, which may both run what a peer wrote, reach neither each other nor anybody else on a real node."""

import subprocess
from collections.abc import Iterator

import pytest
from lab_driver import Lab, eventually
from service_helpers import PYTHON, page, run_service, service_pid

CONFIG = "/etc/haproxy/haproxy.cfg"
#: a checker that reads it waits until somebody opens it
GATE = "/etc/haproxy/gate"
#: lets in who waits, and whoever comes later
OPEN_GATE = f"exec 3<>{GATE}; install -m 644 /dev/null {GATE}.new; mv {GATE}.new {GATE}"
#: a daemon that ends at once, and once more a second later
CRASH = f"#!{PYTHON}\nimport os\nos._exit(7)\n"


@pytest.fixture
def lab(module_lab: Lab) -> Iterator[Lab]:
    """A node whose haproxy runs as the factory has it, before and after."""
    yield module_lab
    module_lab.run(1, "sh", "-c", f"rm -rf /etc/haproxy/*; cp /usr/share/factory{CONFIG} {CONFIG}")
    run_service(module_lab, "haproxy", "restart")


@pytest.fixture
def waiting_check(lab: Lab) -> Iterator[subprocess.Popen[bytes]]:
    """A check of haproxy that goes on for as long as nobody opens the gate."""
    lab.write(1, "/etc/haproxy/wait.lua", f'io.open("{GATE}"):read("a")')
    lab.write(1, CONFIG, page("checked", more="    lua-load /etc/haproxy/wait.lua"))
    lab.run(1, "sh", "-ec", f"mkfifo {GATE}; chgrp haproxy {GATE}; chmod 640 {GATE}")
    running = lab.start(1, "service", "haproxy", "check")
    assert eventually(lambda: checker_pid(lab) > 0)
    yield running
    running.kill()
    running.communicate()


def checker_pid(lab: Lab) -> int:
    """The pid of the haproxy that checks, 0 while there is none."""
    return int(lab.run(1, "pgrep", "-u", "haproxy-check", "-x", "haproxy", check=False).stdout.partition("\n")[0] or 0)


def as_user(user: str, *command: str) -> tuple[str, ...]:
    """`command` with all that the daemon itself has, for who has less may not trace it in any case."""
    kept = "-all,+net_bind_service"
    rights = (f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}", "--no-new-privs")
    return ("setpriv", f"--reuid={user}", "--regid=haproxy", "--clear-groups", *rights, "--", *command)


@pytest.mark.parametrize("user", ["haproxy", "haproxy-check"])
def test_neither_daemon_nor_checker_signals_or_traces_the_other(
    lab: Lab, waiting_check: subprocess.Popen[bytes], user: str
) -> None:
    pids = {"haproxy": service_pid(lab, "haproxy"), "haproxy-check": checker_pid(lab)}
    for owner, pid in pids.items():
        for words in (("kill", "-0", str(pid)), ("cat", f"/proc/{pid}/environ")):
            done = lab.run(1, *as_user(user, *words), check=False)
            assert (done.status == 0) == (owner == user), (owner, words, done)


def test_a_daemon_that_keeps_dying_does_not_end_the_check_of_its_mending(
    lab: Lab, waiting_check: subprocess.Popen[bytes]
) -> None:
    lab.write(1, "/usr/local/bin/crash", CRASH)
    lab.run(1, "chmod", "755", "/usr/local/bin/crash")
    scan = "/run/firmware/scan/haproxy"
    lab.run(1, "sh", "-ec", f"sed -i 's,[^ ]*haproxy -W .*,/usr/local/bin/crash,' {scan}/run; s6-svc -k {scan}")
    assert eventually(lambda: len(lab.run(1, "s6-svdt", scan).stdout.splitlines()) >= 3)
    lab.run(1, "sh", "-ec", OPEN_GATE)
    _, error = waiting_check.communicate(timeout=200)
    assert waiting_check.returncode == 0, error


#: takes the shared memory that busybox's syslogd keeps its log in ("GENA"), and fills it
TAKE_RING = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
found = libc.shmget(0x414e4547, 65536 + 1024, 0o1666)
assert found >= 0, ctypes.get_errno()
ctypes.memset(libc.shmat(found, None, 0), 0xff, 65536)
"""


def test_no_daemon_reaches_the_shared_memory_of_another(lab: Lab) -> None:
    """The log of syslogd is one; logread finds it all the same."""
    daemons = [service_pid(lab, title) for title in ("haproxy", "syslogd", "wui")]
    spaces = {lab.run(1, "readlink", f"/proc/{pid}/ns/ipc").stdout for pid in (1, *daemons)}
    assert len(spaces) == 4
    run_service(lab, "syslogd", "stop")
    lab.run(1, "config", "add", "syslogd", "buffer", "64")
    try:
        inside = ("nsenter", "--ipc", "--mount", "--target", str(daemons[0]), "--")
        lab.run(1, *inside, *as_user("haproxy", PYTHON, "-c", TAKE_RING))
        run_service(lab, "syslogd", "start")
        lab.run(1, "logger", "-t", "mark", "in the ring")
        assert eventually(lambda: "mark: in the ring" in lab.run(1, "logread").stdout)
    finally:
        lab.run(1, "config", "del", "syslogd", "buffer")
        run_service(lab, "syslogd", "restart")


@pytest.mark.all(but=["haproxy"])
@pytest.mark.parametrize("title", ["haproxy", "syslogd", "wui"])
def test_a_daemon_writes_its_log_and_cannot_read_it(lab: Lab, title: str) -> None:
    """Not even by opening once more what it has; and the logger may be gone for a moment."""
    pid = service_pid(lab, title)
    for stream in (1, 2):
        assert "flags:\t0100001" in lab.read(1, f"/proc/{pid}/fdinfo/{stream}")
    user = lab.run(1, "stat", "-c", "%U", f"/proc/{pid}").stdout.strip()
    inside = ("nsenter", "--mount", "--target", str(pid), "--", "setpriv", f"--reuid={user}", "--clear-groups", "--")
    again = lab.run(1, *inside, "sh", "-c", f"exec 3</proc/{pid}/fd/1", check=False)
    assert again.status != 0 and "ermission denied" in again.stderr
    logger = int(lab.run(1, "pgrep", "-f", f"s6-log .*/log/{title}$").stdout)
    lab.run(1, "kill", "-KILL", str(logger))
    assert eventually(
        lambda: lab.run(1, "pgrep", "-f", f"s6-log .*/log/{title}$", check=False).stdout not in ("", f"{logger}\n")
    )
    assert service_pid(lab, title) == pid


@pytest.mark.parametrize("pattern", ["^haproxy ", "^busybox syslogd", "firmware wui "])
def test_where_memory_runs_out_what_is_not_root_goes_first(lab: Lab, pattern: str) -> None:
    """That root's go last, a unit shows: this machine may not allow it."""
    pids = lab.run(1, "pgrep", "-f", pattern).stdout.split()
    assert pids and {lab.read(1, f"/proc/{pid}/oom_score_adj") for pid in pids} == {"500\n"}


def test_the_processes_of_a_daemon_are_counted(lab: Lab) -> None:
    limits = lab.read(1, f"/proc/{service_pid(lab, 'haproxy')}/limits")
    assert [line.split()[2:4] for line in limits.splitlines() if line.startswith("Max processes")] == [["4096", "4096"]]


#: starts a process that outlives whoever ends the program by its group, and its own name
HIDES = "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM; sleep $0; :' 777$1 &\nexec sleep 778$1\n"
#: holds a connection through haproxy's tunnel; says so once it stands
CLIENT = """
import socket, sys
with socket.create_server(("127.0.0.1", 8098)) as server, socket.create_connection(("127.0.0.1", 8099), 5) as client:
    other, _ = server.accept()
    other.sendall(b"through")
    print(client.recv(7).decode(), flush=True)
    sys.stdin.read()
"""


def tunnel(number: int) -> str:
    return f"""{page(str(number))}
listen tunnel
    mode tcp
    timeout client 1h
    timeout server 1h
    bind :8099
    server s 127.0.0.1:8098
program hides
    command /bin/sh /etc/haproxy/hides.sh {number}
"""


def is_there(lab: Lab, command: str) -> bool:
    return lab.run(1, "pgrep", "-f", f"^{command}", check=False).status == 0


def test_what_a_former_configuration_started_ends_with_a_reload_and_its_connections_do_not(lab: Lab) -> None:
    lab.write(1, "/etc/haproxy/hides.sh", HIDES)
    lab.write(1, CONFIG, tunnel(1))
    run_service(lab, "haproxy", "apply")
    assert eventually(lambda: is_there(lab, "sleep 7771"))
    client = lab.start(1, PYTHON, "-c", CLIENT)
    assert client.stdout and client.stdout.readline() == b"through\n"
    old = set(lab.run(1, "pgrep", "-f", "^haproxy ").stdout.split())
    lab.write(1, CONFIG, tunnel(2))
    run_service(lab, "haproxy", "apply")
    assert eventually(lambda: not is_there(lab, "sleep 7771"))
    assert eventually(lambda: is_there(lab, "sleep 7772") and is_there(lab, "sleep 7782")), "those of the new one stay"
    run_service(lab, "haproxy", "reload")
    assert old < set(lab.run(1, "pgrep", "-f", "^haproxy ").stdout.split()), "a former worker has a connection left"
    client.communicate(b"", timeout=200)
