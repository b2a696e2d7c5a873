"""`nodes exec`: a command on a node looks like one started here."""

import os
import socket
import subprocess
import sys

import exec_client
import pytest
from lab_driver import NODES, Lab, Result, eventually

AWKWARD = ["", " ", "*", "$HOME", "a\nb", "'\"\\", "--", "-n", "ü", b"\xff\xfe"]
PRINT_ARGUMENTS = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(os.fsencode(word) for word in sys.argv[1:]))"


def by_program(lab: Lab, node: int, *argv: str | bytes, stdin: str | bytes = b"", check: bool = True) -> Result:
    """By the program itself, and by the process that stands for it in other tests: both see the same."""
    one = lab.nodes("exec", str(node), *argv, stdin=stdin, check=check)
    assert one == lab.run(node, *argv, stdin=stdin, check=check)
    return one


@pytest.mark.all(but=["3"])
@pytest.mark.parametrize("status", [0, 1, 3, 126, 255])
def test_the_exit_status_passes_through(lab: Lab, status: int) -> None:
    assert by_program(lab, 1, "sh", "-c", f"exit {status}", check=False).status == status


def test_a_signal_looks_as_in_a_shell(lab: Lab) -> None:
    assert by_program(lab, 1, "sh", "-c", "kill -TERM $$", check=False).status == 143
    assert by_program(lab, 1, "sh", "-c", "kill -KILL $$", check=False).status == 137


def test_a_command_that_is_not_there(lab: Lab) -> None:
    missing = by_program(lab, 1, "no-such-command", check=False)
    assert missing.status == 127
    assert "no-such-command" in missing.stderr
    assert by_program(lab, 1, "/etc/hosts", check=False).status == 126


def test_a_node_that_is_not_there(lab: Lab) -> None:
    wrong = by_program(lab, 3, "true", check=False)
    assert wrong.status == 125
    assert "node 3" in wrong.stderr


def test_arguments_pass_through_byte_for_byte(lab: Lab) -> None:
    got = by_program(lab, 1, "/usr/bin/python3", "-c", PRINT_ARGUMENTS, *AWKWARD).stdout
    assert got.encode("utf-8", "surrogateescape").split(b"\0") == [
        word if isinstance(word, bytes) else word.encode() for word in AWKWARD
    ]


def test_streams_pass_through(lab: Lab) -> None:
    data = bytes(range(256)) * 4096
    got = by_program(lab, 1, "sh", "-c", "cat; echo words >&2", stdin=data)
    assert got.stdout.encode("utf-8", "surrogateescape") == data
    assert got.stderr == "words\n"


def test_stdin_may_be_closed(lab: Lab) -> None:
    command = f"exec {sys.executable} {NODES} --state {lab.state} exec 1 cat <&-"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_reader_that_goes_away_ends_the_command(lab: Lab) -> None:
    """SIGPIPE works: Python, which ignores it, is not to be seen."""
    command = f"{sys.executable} {NODES} --state {lab.state} exec 1 yes | head -n 1"
    assert subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, timeout=60).stdout == b"y\n"


def test_a_command_ends_with_its_driver(lab: Lab) -> None:
    started = lab.start(1, "sleep", "4711")
    assert eventually(lambda: by_program(lab, 1, "pgrep", "-f", "sleep 4711", check=False).status == 0)
    started.kill()
    started.communicate()
    assert eventually(lambda: by_program(lab, 1, "pgrep", "-f", "sleep 4711", check=False).status == 1)


def test_a_signal_reaches_the_command(lab: Lab) -> None:
    started = lab.start(1, "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    assert started.stdout and started.stdout.readline() == b"ready\n"
    started.terminate()
    started.communicate(timeout=200)
    assert started.returncode == 7


def test_the_hosts_environment_stays_outside(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("SECRET", "of the host")
    seen = dict(line.split("=", 1) for line in by_program(lab, 2, "env").stdout.splitlines())
    seen.pop("TERM", None)
    assert seen == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
        "HOSTNAME": by_program(lab, 2, "hostname").stdout.strip(), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    assert by_program(lab, 2, "pwd").stdout == "/root\n"
    old = os.umask(0o077)
    try:
        assert by_program(lab, 2, "sh", "-c", "umask").stdout == "0022\n"
    finally:
        os.umask(old)


def test_a_server_that_was_ended_is_replaced(lab: Lab) -> None:
    """Nobody who runs a command on a node hears of it."""
    lab.run(1, "true")
    server = exec_client._server(os.getpid())
    server.shutdown(socket.SHUT_RDWR)
    assert lab.run(1, "echo", "there").stdout == "there\n"
