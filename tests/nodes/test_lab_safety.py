"""No node of the lab can hurt the machine, and no command that is meant for a node ever runs outside of one."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_driver import Lab

NAMESPACES = ("mnt", "pid", "net", "ipc", "uts")
SHOW_NAMESPACES = ("readlink", *(f"/proc/self/ns/{name}" for name in NAMESPACES))
SYS_TIME = 25

#: what root on a node must not be able to do, as an attempt that would do no harm if it worked: Python, on a node
ATTEMPTS = {
    "load a module": "syscall(313, -1, b'', 0)",
    "unload a module": "syscall(176, b'no_such_module', 0)",
    "swap to a file": "libc.swapon(b'/nowhere', 0)",
    "stop swapping to one": "libc.swapoff(b'/nowhere')",
    "take another kernel": "syscall(246, 0, 0, None, 0)",
    "take another kernel from a file": "syscall(320, -1, -1, 0, b'', 0)",
    "read the kernel's log": "libc.klogctl(3, ctypes.create_string_buffer(64), 64)",
    "ask how long the kernel's log is": "libc.klogctl(10, None, 0)",
    "reach I/O ports": "libc.iopl(0) or libc.ioperm(0x80, 1, 1)",
    "make a device": "libc.mknod(b'/dev/planted', 0o020600, os.makedev(1, 3))",
    "account for processes": "libc.acct(None)",
}
ATTEMPT = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
syscall = lambda number, *words: libc.syscall(ctypes.c_long(number), *words)
print({}, ctypes.get_errno())
"""


def show_namespaces(lab: Lab, node: int = 1) -> list[str]:
    return lab.run(node, *SHOW_NAMESPACES).stdout.split()


def capability_sets(lab: Lab, pid: str) -> dict[str, int]:
    lines = [line.split() for line in lab.read(1, f"/proc/{pid}/status").splitlines() if line.startswith("Cap")]
    return {name: int(value, 16) for name, value in lines}


@pytest.fixture
def timeless(lab: Lab) -> Lab:
    """A node none of whose processes may set the clock: proved before anything tries."""
    for pid in ("1", "self"):
        for name, held in capability_sets(lab, pid).items():
            assert not held >> SYS_TIME & 1, f"process {pid}: {name} has CAP_SYS_TIME"
    return lab


def test_nothing_on_a_node_may_set_the_clock(lab: Lab) -> None:
    """Not its init, nor what that started, nor what `exec` did."""
    found = lab.run(1, "sh", "-c", "cd /proc && grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):' [0-9]*/status").stdout.splitlines()
    assert len(found) > 50
    assert [line for line in found if int(line.split()[1], 16) >> SYS_TIME & 1] == []


def test_an_attempt_to_set_the_clock_fails(timeless: Lab) -> None:
    """To what it is: should it work after all, no harm is done."""
    program = "import time; time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME))"
    for command in (["/usr/bin/python3", "-c", program], ["sh", "-c", 'date -s "@$(date +%s.%N)"']):
        done = timeless.run(1, *command, check=False)
        assert done.status != 0 and "not permitted" in done.stderr


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="has the numbers of its system calls")
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_would_harm_the_machine_is_not_permitted(lab: Lab, attempt: str) -> None:
    done = lab.run(1, "/usr/bin/python3", "-c", ATTEMPT.format(ATTEMPTS[attempt]))
    assert done.stdout.split() in (["-1", "1"], ["-1", "38"]), (
        "EPERM, or a kernel without it; not what comes of wrong arguments"
    )


def test_nothing_of_the_machine_below_proc_and_sys_can_be_written_to(lab: Lab) -> None:
    own = r"\( -path '/proc/[0-9]*' -o -path /proc/sys/net \) -prune"
    found = lab.run(1, "sh", "-c", rf"find /proc /sys {own} -o -type f -perm /222 -writable -print").stdout
    assert found == ""
    for path in (
        "/proc/sys/vm/swappiness",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/panic",
        "/sys/kernel/mm/ksm/run",
    ):
        assert lab.run(1, "sh", "-c", 'cat "$0" >"$0"', path, check=False).status != 0, path


def test_no_file_system_of_the_machine_is_mounted_on_a_node(lab: Lab) -> None:
    """It could be remounted read-only, or frozen. Of its devices there are none but those that hold nothing."""
    kinds = {line.split()[2] for line in lab.read(1, "/proc/mounts").splitlines()}
    assert kinds <= {"overlay", "tmpfs", "proc", "sysfs", "devpts"}
    assert lab.run(1, "sh", "-c", "find /dev -type b").stdout == ""
    assert lab.run(1, "sh", "-c", "find /dev -type c ! -path '/dev/pts/*' | sort").stdout.split() == [
        "/dev/full", "/dev/net/tun", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero",
    ]  # fmt: skip


def test_a_node_that_ends_itself_ends_nothing_else(fresh_lab: Lab) -> None:
    boot_id, other = Path("/proc/sys/kernel/random/boot_id").read_text(), fresh_lab.read(2, "/proc/1/stat")
    for how in ("reboot -f", "halt -f", "kill -KILL -1"):
        fresh_lab.run(1, "sh", "-c", how, check=False)
    fresh_lab.cut(1)
    assert Path("/proc/sys/kernel/random/boot_id").read_text() == boot_id
    assert fresh_lab.read(2, "/proc/1/stat").split()[21] == other.split()[21]


# No command runs outside of a node.


def test_a_command_runs_in_namespaces_of_its_node(lab: Lab) -> None:
    host = [os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES]
    one, two = show_namespaces(lab), show_namespaces(lab, 2)
    for mine, ones, twos in zip(host, one, two, strict=True):
        assert len({mine, ones, twos}) == 3


@pytest.mark.parametrize("verb", ["reboot", "cut"])
def test_it_does_so_after_that_verb_too(fresh_lab: Lab, verb: str) -> None:
    host = {os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}
    fresh_lab.nodes(verb, "1")
    assert host.isdisjoint(show_namespaces(fresh_lab))


@contextmanager
def running(*argv: str) -> Iterator[int]:
    """The pid of a process of ours, which ends with this."""
    process = subprocess.Popen(argv)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def held_state(state: Path, pid: int) -> Iterator[None]:
    """A state directory that looks like that of a lab which is up: we hold it, and node 1 has that pid."""
    (state / "1").mkdir(parents=True)
    (state / "1" / "pid").write_text(f"{pid}\n")
    with open(state / "lab.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def refuses_to_run(state: Path, mark: Path, *options: str) -> str:
    """Hold `exec`, and `reboot`, which runs a command, too, to running nothing; returns what `exec` says."""
    for kind in ([], ["--kind", "lab"]):
        assert Lab(state, kind="").nodes(*kind, "reboot", "1", check=False).status == 1
        done = Lab(state, kind="").nodes(*kind, *options, "exec", "1", "touch", str(mark), check=False)
        assert done.status == 125, done
    assert not mark.exists()
    return done.stderr


@pytest.mark.parametrize("process", [["sleep", "60"], ["unshare", "--mount", "--net", "--ipc", "--uts", "sleep", "60"]])
def test_a_pid_that_belongs_to_something_else_is_no_node(tmp_path: Path, process: list[str]) -> None:
    """Such as QEMU's, or whatever got a node's pid after it. It is a child of who holds the lab, as a node would be."""
    with running(*process) as pid, held_state(tmp_path / "state", pid):
        assert f"process {pid} is no node" in refuses_to_run(tmp_path / "state", tmp_path / "mark")


def test_a_node_of_another_lab_is_no_node_of_this_one(lab: Lab, tmp_path: Path) -> None:
    pid = int((lab.state / "1" / "pid").read_text())
    with held_state(tmp_path / "state", pid):
        assert f"process {pid} is no node" in refuses_to_run(tmp_path / "state", tmp_path / "mark")


def test_a_pid_that_nobody_has_is_no_node(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with held_state(tmp_path / "state", gone.pid):
        assert "has no power" in refuses_to_run(tmp_path / "state", tmp_path / "mark")


@pytest.mark.parametrize("made", ["nothing", "empty", "half", "kind"])
def test_nothing_runs_where_no_lab_is_up(tmp_path: Path, made: str) -> None:
    state = tmp_path / "state"
    if made != "nothing":
        state.mkdir()
    if made in ("half", "kind"):
        (state / "1").mkdir()
        (state / "1" / "pid").write_text(f"{os.getpid()}\n")
        (state / "lab.lock").write_text(f"{os.getpid()}\n")
    if made == "kind":
        (state / "kind").write_text("lab\n")
    assert "no lab is up" in refuses_to_run(state, tmp_path / "mark")


@pytest.mark.parametrize("number", ["0", "3", "201", "-1", "1/../2", "self"])
def test_a_number_that_no_node_has_is_refused(lab: Lab, tmp_path: Path, number: str) -> None:
    for words in (
        ["exec", number, "touch", str(tmp_path / "mark")],
        ["reboot", number],
        ["cut", number],
        ["link", number, "up"],
    ):
        done = lab.nodes(*words, check=False)
        assert done.status == (2 if number != "3" else 125 if words[0] == "exec" else 1), done
    assert not (tmp_path / "mark").exists()


# A state directory knows of what kind its nodes are.


def test_the_kind_is_the_states_own(lab: Lab) -> None:
    assert (lab.state / "kind").read_text() == "lab\n"
    assert Lab(lab.state, kind="").run(1, "cat", "/proc/1/comm").stdout == "busybox\n"


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "1", "true"],
        ["up"],
        ["reboot", "1"],
        ["cut", "1"],
        ["link", "1", "down"],
        ["delay", "1"],
        ["down"],
        ["ports", "1"],
    ],
)
def test_a_wrong_kind_is_refused_by_name(lab: Lab, words: list[str]) -> None:
    before = lab.read(1, "/proc/1/stat")
    done = Lab(lab.state, kind="qemu").nodes(*words, check=False)
    assert done.status == (125 if words[0] == "exec" else 1)
    assert f"--kind qemu: {lab.state} has nodes of kind lab" in done.stderr
    assert lab.read(1, "/proc/1/stat").split()[21] == before.split()[21]


@pytest.mark.parametrize("verb", [["exec", "1", "touch", "MARK"], ["reboot", "1", "touch", "MARK"], ["cut", "1"]])
def test_units_that_are_not_up_run_nothing_here(tmp_path: Path, verb: list[str]) -> None:
    """With or without --kind: what looks like a unit's pid, as once upon a time, is of no interest."""
    state, mark = tmp_path / "state", tmp_path / "mark"
    with running("sleep", "60") as pid, held_state(state, pid):
        (state / "kind").write_text("qemu\n")
        for kind in ("", "qemu"):
            assert (
                Lab(state, kind=kind)
                .nodes(*(str(mark) if word == "MARK" else word for word in verb), check=False)
                .status
            )
    assert not mark.exists()
