"""A terminal on a virtual unit's serial console."""

import fcntl
import os
import select
import socket
import sys
import termios
import tty
from pathlib import Path

import sockets
from state import Trouble

#: Ctrl-], as telnet has it
LEAVE = b"\x1d"


def attach(home: Path) -> None:
    """Connect this terminal with the console of the unit that has this directory, until Ctrl-] is typed or the unit is gone.
    Trouble if another one is."""
    with open(home / "console.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble("somebody is at this console already") from None
        try:
            line = sockets.connect(home / "console")
        except OSError as error:
            raise Trouble(f"{home}/console: {error.strerror}") from None
        with line:
            _hold_conversation(line)


def _hold_conversation(line: socket.socket) -> None:
    """Relay what is typed and what is said; a terminal of ours passes every key on meanwhile."""
    print("This is the unit's console; Ctrl-] leaves it.", file=sys.stderr)
    line.sendall(b"\r")
    if not sys.stdin.isatty():
        _relay(line)
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        _relay(line)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        print(file=sys.stderr)


def _relay(line: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([sys.stdin, line], [], [])
        if line in ready:
            if not (data := line.recv(4096)):
                return
            os.write(sys.stdout.fileno(), data)
        if sys.stdin in ready:
            data = os.read(sys.stdin.fileno(), 4096)
            line.sendall(data.partition(LEAVE)[0])
            if not data or LEAVE in data:
                return
