"""A person at a virtual unit's serial line: types, reads, logs in."""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab_driver import Lab
from pexpect.fdpexpect import fdspawn

PROMPT = r"root@[^\r\n#]*# "
LOGIN = "[a-z0-9]+ login: "
#: what a shell sends to its terminal beside text: colours, and busybox's question where the cursor is
_CONTROLS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


@dataclass(frozen=True, slots=True)
class Console:
    """One serial line, and the end of it that a person sits at."""

    line: fdspawn

    def type(self, text: str) -> None:
        """A line, with Return."""
        self.line.send(f"{text}\r")

    def read(self, pattern: str, seconds: float = 120) -> str:
        """All that comes until the pattern has come, with it, as it looks on a screen."""
        self.line.expect(pattern, timeout=seconds)
        return _CONTROLS.sub("", self.line.before + self.line.after)

    def answer(self, question: str, text: str) -> None:
        """Wait for a question about a password, and answer it as a person does: not in the moment in which it appears,
        for busybox's login throws away what was typed before it has turned the echo off."""
        self.read(question)
        time.sleep(2)
        self.type(text)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.line.send("\x03")

    def run(self, command: str) -> str:
        """A command in a shell that waits for one; what it prints."""
        self.type(command)
        return self.read(PROMPT).partition("\n")[2].rpartition("\n")[0]

    def name(self, user: str) -> None:
        """Give a name where one is asked for."""
        self.type("")
        self.read(LOGIN)
        self.type(user)

    def login(self, password: str) -> str:
        """Log in as root; returns how it ends: `in`, or `refused`. Fails if no password is asked for."""
        self.name("root")
        self.answer("Password: ", password)
        return "in" if self.read(f"{PROMPT}|Login incorrect").endswith("# ") else "refused"

    def choose(self, password: str) -> None:
        """The first login: name a password, twice."""
        self.name("root")
        for question in ("New password: ", "password again: "):
            self.answer(question, password)
        self.read(PROMPT)

    def logout(self) -> None:
        """End the shell."""
        self.type("exit")
        self.read(LOGIN)


@contextmanager
def console(lab: Lab, node: int, line: str = "console") -> Iterator[Console]:
    """Sit down at it; one person at a time."""
    place = os.open(lab.state / str(node), os.O_PATH)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"/proc/self/fd/{place}/{line}")  # a socket's path may not be long
        os.close(place)
        yield Console(fdspawn(connection.fileno(), timeout=120, encoding="utf-8", codec_errors="replace"))


def console_text(lab: Lab, node: int) -> str:
    """All that the console has shown since the unit was made."""
    return _CONTROLS.sub("", (lab.state / str(node) / "console.log").read_text(errors="replace"))
