"""Secrets that a person types, and where they come from if standard input is something else."""

import os
import pty
import subprocess
import sys

#: asks for a secret once standard input has been read, as an import does
ASK = """
import sys
sys.stdin.buffer.close()
from firmware.commands.cli import complain
from firmware.commands.secret_input import read_secret
from firmware.errors import Refused
try:
    print(read_secret("passphrase", True))
except Refused as error:
    sys.exit(complain("config import", error))
"""


def test_what_standard_input_cannot_give_is_typed_at_the_terminal() -> None:
    master, terminal = pty.openpty()
    argv = ["setsid", "--ctty", sys.executable, "-c", ASK]
    with subprocess.Popen(argv, stdin=terminal, stdout=subprocess.PIPE) as asking:
        os.close(terminal)
        said = b""
        while b"Passphrase: " not in said:
            said += os.read(master, 100)
        os.write(master, b"correct horse\n")
        assert asking.communicate(timeout=30)[0] == b"correct horse\n" and asking.returncode == 0
    os.close(master)


def test_without_a_terminal_it_is_refused_and_says_how_it_can_be_given() -> None:
    argv = ["setsid", "--wait", sys.executable, "-c", ASK]
    done = subprocess.run(argv, input="", capture_output=True, text=True)
    assert done.returncode == 3 and "no passphrase: nothing was changed" in done.stderr
    assert "standard input where a FILE is named" in done.stderr
