"""How a command gets into a virtual unit: over ssh, to the sshd that is there for this alone, through a connection that
stays open. Few imports: a test runs hundreds of commands.

All paths are relative to the state directory, which is the working directory.
"""

import fcntl
import os
import shlex
import subprocess
import time

from state import Trouble

#: a unit that goes down while it is spoken to says nothing more, and ssh would wait for it for ever
_LOGIN_SECONDS = 30.0
_CONFIG = """\
Host unit
HostName 127.0.0.1
Port {port}
User root
IdentityFile {key}
UserKnownHostsFile {number}/known_hosts
HostKeyAlias unit
ControlPath {number}/ssh
IdentitiesOnly yes
BatchMode yes
LogLevel ERROR
ConnectTimeout 10
"""
_LOGIN = """\
Host node{number}
HostName 127.0.0.1
Port {port}
User root
IdentityFile {key}
IdentitiesOnly yes
HostKeyAlias node{number}
UserKnownHostsFile {here}/{number}/login_hosts
StrictHostKeyChecking accept-new
"""


def configure(number: int, ports: dict[str, int], key: str, host_key: str) -> None:
    """Note where the unit is to be reached, with which key, and by which one it is known; for people, too (`login`)."""
    here = os.getcwd()
    for name, text in (
        ("ssh_config", _CONFIG.format(number=number, port=ports["exec"], key=key)),
        ("known_hosts", f"unit {host_key}\n"),
        ("login", _LOGIN.format(number=number, port=ports["ssh"], key=f"{here}/{key}", here=here)),
    ):
        with open(f"{number}/{name}", "w", encoding="utf-8") as file:
            file.write(text)


def connect(number: int, seconds: float) -> None:
    """Open the connection that commands go through. Trouble if the unit does not let us in within that time."""
    end = time.monotonic() + seconds
    while (done := _ssh(number, "-fNM", seconds=_LOGIN_SECONDS)).returncode:
        if time.monotonic() > end:
            raise Trouble(f"node {number} does not let us in after {seconds:.0f} s: {done.stderr.strip()}")
        time.sleep(0.2)


def disconnect(number: int) -> None:
    """Close it; no harm if there is none."""
    if os.path.exists(f"{number}/ssh"):
        _ssh(number, "-O", "exit")


def connected(number: int) -> bool:
    """Is it open, so far as this end knows?"""
    return os.path.exists(f"{number}/ssh") and not _ssh(number, "-O", "check").returncode


def execute(number: int, argv: list[str]) -> int:
    """Run a command there; the streams are ours. Returns the exit status as a shell has it; Trouble without a connection."""
    _come_back(number)
    return subprocess.run([*_command(number), _line(argv)]).returncode


def _come_back(number: int) -> None:
    """Connect again to a unit that has started anew by itself, as after a panic. Trouble if it does not let us in."""
    with open(f"{number}/ssh.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not connected(number) and _ssh(number, "-fNM", seconds=_LOGIN_SECONDS).returncode:
            raise Trouble(f"node {number} does not let us in: it has no power, or is just being started")


def output(number: int, *argv: str, data: bytes = b"", seconds: float | None = None) -> str:
    """What a command there prints. Trouble if it fails, or takes longer than that."""
    argument = _line(list(argv))
    try:
        done = subprocess.run([*_command(number), argument], input=data, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Trouble(f"node {number}: {' '.join(argv)}: no answer after {seconds} s; is it on?") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise Trouble(f"node {number}: {' '.join(argv)}: {words}")
    return done.stdout.decode()


def _line(argv: list[str]) -> bytes:
    """The command for the unit's shell. In a subshell, so that it is the program that runs, whatever builtin has its name,
    and so that the shell can tell which signal ended it."""
    return b"cd; (exec -- %s); exit $?" % b" ".join(os.fsencode(shlex.quote(word)) for word in argv)


def _command(number: int) -> list[str]:
    return ["ssh", "-F", f"{number}/ssh_config", "unit", "--"]


def _ssh(number: int, *options: str, seconds: float | None = None) -> "subprocess.CompletedProcess[str]":
    null = subprocess.DEVNULL
    log = f"{number}/ssh.log"
    try:
        # Into a file: the one that stays in the background would hold a pipe open.
        with open(log, "w", encoding="utf-8") as words:
            argv = ["ssh", "-F", f"{number}/ssh_config", *options, "unit"]
            done = subprocess.run(argv, stdin=null, stdout=null, stderr=words, timeout=seconds)
        with open(log, encoding="utf-8", errors="replace") as words:
            return subprocess.CompletedProcess(done.args, done.returncode, "", words.read())
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(error.cmd, 255, "", f"no answer after {seconds} s")
    except FileNotFoundError as error:
        raise Trouble(f"{error.filename}: not there") from None
