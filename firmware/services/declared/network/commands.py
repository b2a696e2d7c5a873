"""The lines `load`, `unload` and `modprobe`: commands of the operator, run as root. No peer can set them.

A line of several words is an argument list, and no word has a meaning beyond that. A line that is one quoted text with
blanks in it is for the shell (`sh -c`). Words that mean something only to a shell, without quotes around the whole, are refused.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from firmware.errors import Failure
from firmware.printable import quote_word
from firmware.rc.document import PATH as CONFIG
from firmware.rc.values import ValueKind, Words
from firmware.run import PATH, run
from firmware.services.declared.network.state import NO_LINE

#: seconds that a command has
SECONDS = 30.0

#: what a shell would not take for a part of a word
_SHELL_WORDS = ("&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>&1")


@dataclass(frozen=True, slots=True)
class Command:
    """A line `load`, `unload` or `modprobe`: the words after it, and where it stands."""

    words: Words
    line: int = NO_LINE


def run_all(commands: Iterable[Command]) -> list[str]:
    """Run each to its end, in order; returns what went wrong."""
    return [problem for command in commands if (problem := _run_command(command, arguments(command.words)))]


def load_modules(commands: Iterable[Command]) -> list[str]:
    """Load the modules that are not there yet; returns what went wrong."""
    missing = [one for one in commands if not os.path.isdir(f"/sys/module/{one.words[0].replace('-', '_')}")]
    return [problem for one in missing if (problem := _run_command(one, ("modprobe", *one.words)))]


def arguments(words: Words) -> Words:
    """The argument list of a line `load` or `unload`."""
    return ("sh", "-c", words[0]) if _is_for_shell(words) else words


def missing_program(words: Words) -> str:
    """The program that such a line names, if it is not on this node; "" if it is, or if a shell is to find it."""
    return "" if _is_for_shell(words) or shutil.which(words[0], path=PATH) else words[0]


def _is_for_shell(words: Words) -> bool:
    return len(words) == 1 and " " in words[0].strip()


def _command_problem(words: Words) -> str:
    if not words or not words[0].strip():
        return "a value is missing: a command"
    if _is_for_shell(words):
        return ""
    meant = next((word for word in words if word in _SHELL_WORDS), "")
    return f"{quote_word(meant)} means something only to a shell: put the whole command in quotes" if meant else ""


COMMAND = ValueKind("PROGRAM WORD… | 'a line for sh'", _command_problem, from_peer=False)


def _run_command(command: Command, argv: Words) -> str:
    try:
        done = run(argv, timeout=SECONDS, check=False)
        words = done.output or f"exit status {done.status}"
    except Failure as error:
        return _problem(command, argv, str(error))
    return _problem(command, argv, words) if done.status else ""


def _problem(command: Command, argv: Words, words: str) -> str:
    place = f"{CONFIG}:{command.line}: " if command.line else ""
    return f"{place}{' '.join(argv)}: {words}"
