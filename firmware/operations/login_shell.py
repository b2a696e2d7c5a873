"""A login shell of root on a terminal of its own, as long as somebody looks at it: then all that was started in it ends.

A keeper sees to that, too, if the session's process is killed. What a service starts does not belong to it: it has an environment
of its own, and s6 owns it.
"""

import fcntl
import os
import pwd
import secrets
import select
import signal
import struct
import termios
import time
from contextlib import suppress

from firmware import processes
from firmware.errors import Usage
from firmware.operations.login_keeper import Keeper
from firmware.run import start_on
from firmware.sync import audit
from firmware.sync.audit import Who

#: by it, in their environment, processes are known that were started in a terminal of the web UI
MARK = "WEB_TERMINAL"
#: who has logged in, for what is noted of commands that are given there
ACCOUNT, ADDRESS = "WEB_ACCOUNT", "WEB_ADDRESS"
#: columns and rows that a terminal may have
MOST = 1000
#: bytes that wait for whoever reads what is typed, and that are read of what it shows at once
_MOST_WAITING, _PIECE = 1 << 20, 1 << 15
#: in a session of its own, with the terminal that it is on, at home
_COMMAND = 'cd "$HOME" 2>/dev/null || cd /; exec "$SHELL" -l'
#: seconds that the shell has to end once its terminal is gone
_PATIENCE = 2.0


class LoginShell:
    """One shell. `fileno()` has something to read when the terminal shows something, or when it is over."""

    def __init__(self, columns: int, rows: int, who: Who) -> None:
        _require_size(columns, rows)
        self._who, self._began = who, time.monotonic()
        self._waiting = b""
        self._mark = f"{MARK}={secrets.token_hex(16)}"
        self._terminal, inner = os.openpty()
        try:
            os.set_blocking(self._terminal, False)
            self.resize(columns, rows)
            more = dict([self._mark.split("=")]) | _environment(who)
            command = ["setpriv", "--pdeathsig", "KILL", "--", "setsid", "-c", "sh", "-c", _COMMAND]
            self._pid = start_on(command, stdin=inner, output=inner, errors=inner, more=more)
        except BaseException:
            os.close(self._terminal)
            raise
        finally:
            os.close(inner)
        self._handle = os.pidfd_open(self._pid)
        self._keeper = Keeper(self._pid, self._mark)
        audit.note("terminal", who=who, result="opened")

    def fileno(self) -> int:
        """The terminal's own side."""
        return self._terminal

    @property
    def process(self) -> int:
        """A descriptor with something to read once the shell has ended."""
        return self._handle

    @property
    def is_typing(self) -> bool:
        """Is something waiting to be read in there? Then the descriptor is to be watched for room, too."""
        return bool(self._waiting)

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Has the shell itself ended, or does it within so many seconds?"""
        waiting = select.poll()
        waiting.register(self._handle, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))

    def read(self) -> bytes:
        """What the terminal shows; nothing if there is nothing for now, or nothing more."""
        try:
            return os.read(self._terminal, _PIECE)
        except OSError:  # EAGAIN, or EIO: nobody has the other side open
            return b""

    def type(self, data: bytes = b"") -> bool:
        """Have these bytes typed, after those that wait; returns whether they will be: not if too many wait."""
        is_taken = len(self._waiting) + len(data) <= _MOST_WAITING
        self._waiting += data if is_taken else b""
        with suppress(OSError):
            while self._waiting:
                self._waiting = self._waiting[os.write(self._terminal, self._waiting[:4096]) :]
        return is_taken

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size; what runs there is told."""
        _require_size(columns, rows)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def end(self) -> str:
        """End it, and all that was started in it; says how the shell ended."""
        was_over = self.has_ended()
        os.close(self._terminal)
        for number in (signal.SIGHUP, signal.SIGKILL):
            if not self.has_ended():
                signal.pidfd_send_signal(self._handle, number)
                self.has_ended(_PATIENCE)
        processes.end_marked(self._pid, self._mark)
        self._keeper.end()
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        os.close(self._handle)
        how = _describe(status) if was_over else "it was closed"
        seconds = round(time.monotonic() - self._began)
        audit.note("terminal", who=self._who, result="closed", message=f"after {seconds} s: {how}")
        return how


def _environment(who: Who) -> dict[str, str]:
    entry = pwd.getpwuid(0)
    return {
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
        "LOGNAME": entry.pw_name,
        "SHELL": entry.pw_shell or "/bin/sh",
        "TERM": "xterm-256color",
        ACCOUNT: who.account,
        ADDRESS: who.origin,
    }


def _describe(status: int) -> str:
    if status < 0:
        return f"the shell was ended by signal {-status} ({signal.strsignal(-status) or 'unknown'})"
    return f"the shell ended with exit status {status}"


def _require_size(columns: int, rows: int) -> None:
    if not (0 < columns <= MOST and 0 < rows <= MOST):
        raise Usage(f"the terminal: {columns} columns and {rows} rows: between 1 and {MOST}")
