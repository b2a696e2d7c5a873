"""How a command gets into a virtual unit: over ssh, to the sshd that is there for this alone, through a connection that
stays open. Few imports: a test runs hundreds of commands.
"""

import fcntl
import os
import shlex
import subprocess
import time

from state import Trouble

#: a unit that goes down while it is spoken to says nothing more, and ssh would wait for it for ever
_LOGIN_SECONDS = 30.0
_SSH = ("ssh", "-F", "ssh_config")
_CONFIG = """\
Host unit
HostName 127.0.0.1
Port {port}
User root
IdentityFile {key}
UserKnownHostsFile known_hosts
HostKeyAlias unit
ControlPath ssh
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
UserKnownHostsFile {home}/login_hosts
StrictHostKeyChecking accept-new
"""


class Remote:
    """The way into one unit. `home` is the directory that the host keeps for it; there, these files are this module's own: ssh_config,
    known_hosts, ssh (the open connection), ssh.lock, ssh.log; for people, login and login_hosts.

    ssh runs in `home`, so that the path of its socket is short.
    """

    def __init__(self, home: str, number: int) -> None:
        self.home = home
        self.number = number

    def configure(self, ports: dict[str, int], key: str, host_key: str) -> None:
        """Note where the unit is to be reached, with which key, and by which one it is known."""
        for name, text in (
            ("ssh_config", _CONFIG.format(port=ports["exec"], key=key)),
            ("known_hosts", f"unit {host_key}\n"),
            ("login", _LOGIN.format(number=self.number, port=ports["ssh"], key=key, home=self.home)),
        ):
            with open(f"{self.home}/{name}", "w", encoding="utf-8") as file:
                file.write(text)

    def connect(self, seconds: float) -> None:
        """Open the connection that commands go through. Trouble if the unit does not let us in within that time."""
        end = time.monotonic() + seconds
        while (done := self._ssh("-fNM", seconds=_LOGIN_SECONDS)).returncode:
            if time.monotonic() > end:
                raise Trouble(f"node {self.number} does not let us in after {seconds:.0f} s: {done.stderr.strip()}")
            time.sleep(0.2)

    def disconnect(self) -> None:
        """Close it; no harm if there is none."""
        if os.path.exists(f"{self.home}/ssh"):
            self._ssh("-O", "exit")

    def is_connected(self) -> bool:
        """Is it open, so far as this end knows?"""
        return os.path.exists(f"{self.home}/ssh") and not self._ssh("-O", "check").returncode

    def execute(self, argv: list[str]) -> int:
        """Run a command there; the streams are ours. Returns the exit status as a shell has it; Trouble without a connection."""
        self._reconnect()
        return subprocess.run(_command(argv), cwd=self.home).returncode

    def output(self, *argv: str, data: bytes = b"", seconds: float | None = None) -> str:
        """What a command there prints. Trouble if it fails, or takes longer than that."""
        command, pipe = _command(list(argv)), subprocess.PIPE
        try:
            done = subprocess.run(command, cwd=self.home, input=data, stdout=pipe, stderr=pipe, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Trouble(f"node {self.number}: {' '.join(argv)}: no answer after {seconds} s; is it on?") from None
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
            raise Trouble(f"node {self.number}: {' '.join(argv)}: {words}")
        return done.stdout.decode()

    def _reconnect(self) -> None:
        """Connect again to a unit that has started anew by itself, as after a panic. Trouble if it does not let us in."""
        with open(f"{self.home}/ssh.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.is_connected() and self._ssh("-fNM", seconds=_LOGIN_SECONDS).returncode:
                raise Trouble(f"node {self.number} does not let us in: it has no power, or is just being started")

    def _ssh(self, *options: str, seconds: float | None = None) -> "subprocess.CompletedProcess[str]":
        """One call of ssh. What it says goes into a file: the one that stays in the background would hold a pipe open."""
        null, log = subprocess.DEVNULL, f"{self.home}/ssh.log"
        argv = [*_SSH, *options, "unit"]
        with open(log, "w", encoding="utf-8") as words:
            try:
                done = subprocess.run(argv, cwd=self.home, stdin=null, stdout=null, stderr=words, timeout=seconds)
            except subprocess.TimeoutExpired:
                return subprocess.CompletedProcess(argv, 255, "", f"no answer after {seconds} s")
        with open(log, encoding="utf-8", errors="replace") as words:
            return subprocess.CompletedProcess(argv, done.returncode, "", words.read())


def _command(argv: list[str]) -> list[str | bytes]:
    """ssh, and the command for the unit's shell. In a subshell, so that it is the program that runs, whatever builtin has its
    name, and so that the shell can tell which signal ended it."""
    quoted = b" ".join(os.fsencode(shlex.quote(word)) for word in argv)
    return [*_SSH, "unit", "--", b"cd; (exec -- %s); exit $?" % quoted]
