"""Secrets: from the terminal, where a person types them and does not see them, or as one line from standard input."""

import os
import sys

from firmware.errors import Refused

_TERMINAL = "/dev/tty"


def read_new_secret(what: str) -> str:
    """A secret that is chosen now; on a terminal it has to be typed twice. Refused if it is empty, or not the same."""
    secret = read_secret(what)
    if sys.stdin.isatty() and _ask(f"The same {what} again: ") != secret:
        raise Refused("they are not the same: nothing was changed")
    return secret


def read_secret(what: str, stdin_is_taken: bool = False) -> str:
    """A secret that is there already. Where standard input was something else, and is closed by now, it comes from the terminal.
    Refused if it is empty, or there is none to be had."""
    if stdin_is_taken:
        secret = _ask(f"{what.capitalize()}: ") if _has_terminal() else ""
    elif sys.stdin.isatty():
        secret = _ask(f"{what.capitalize()}: ")
    else:
        secret = sys.stdin.readline().rstrip("\n")
    if not secret:
        hint = "it is read from the terminal, or as one line from standard input"
        raise Refused(f"no {what}: nothing was changed", f"{hint}{' where a FILE is named' * stdin_is_taken}")
    return secret


def _has_terminal() -> bool:
    """Is there one to type at? The name is there in any case."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ask(question: str) -> str:
    from getpass import getpass

    try:
        return getpass(question)
    except EOFError:
        return ""
