"""What all programs share: the table of verbs, their help, and how an error looks to a person.

Exit statuses: 0 done, 1 it failed, 2 wrong usage, 3 refused and nothing changed, 4 invalid configuration.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from errno import ENOSPC
from importlib import import_module

from firmware.commands.output import make_printable
from firmware.errors import Failure, Usage, report, system_hint

TYPE_CHECKING = False  # as in `config_edit`
if TYPE_CHECKING:
    from typing import TextIO

#: verb → (where its function is, "module:function"; the words after it; one line of help, and more below it)
Verbs = Mapping[str, tuple[str, str, str]]


#: what errors call the standard output
STDOUT = "stdout"
_VERBOSE = "-v before the verb shows each external command as it is run."
_STATUSES = "Exit status: 0 done, 1 it failed, 2 wrong usage, 3 refused and nothing changed, 4 invalid configuration."


def dispatch(program: str, verbs: Verbs, argv: list[str], about: str = "", later: Verbs | None = None) -> int:
    """Run the verb that `argv` names and return the exit status; every error is said the same way.

    The verbs of `later` come after the name of what they are about (`service haproxy start`), and get it as their first
    word; `about` is what that name is called in the help.
    """
    _open_streams()
    argv = _take_verbose(argv, verbs)
    command, run = _choose(program, verbs, argv, about, later or {})
    try:
        try:
            status = run()
        except Failure as error:
            status = complain(command, error)
        except OSError:
            raise
        except Exception as error:
            from firmware import log

            status = complain(command, log.internal_error(program, error))
        sys.stdout.flush()
        return status
    except OSError as error:
        return _report_system_error(command, error)
    except KeyboardInterrupt:
        return 130


def _take_verbose(argv: list[str], verbs: Verbs) -> list[str]:
    """The words without a `-v` before the verb, which has each external command shown as it is run."""
    place = 0 if argv[:1] == ["-v"] else 1  # 1: after the name of what the verb is about
    if argv[place : place + 1] != ["-v"] or argv[0] in verbs:
        return argv
    os.environ["FIRMWARE_VERBOSE"] = "1"  # run.VERBOSE, which takes long to load
    return [*argv[:place], *argv[place + 1 :]]


def _choose(program: str, verbs: Verbs, argv: list[str], about: str, later: Verbs) -> tuple[str, Callable[[], int]]:
    """The command that `argv` names, as it is called in errors, and what it does."""
    helped = argv[1:2] if argv and argv[0] in later else argv[:1]
    if helped and helped[0] in ("--help", "-h", "help") and not (argv[:1] == ["help"] and argv[1:] and "help" in verbs):
        return program, lambda: _print(_help(program, verbs, about, later))
    if argv and argv[0] in later:
        return program, lambda: _refuse_reversed(program, about, argv)
    if later and argv and argv[0] not in verbs:
        name, rest = argv[0], argv[2:] if argv[2:3] in (["--help"], ["-h"]) else [argv[0], *argv[2:]]
        return _choose(f"{program} {name}", later, [*argv[1:2], *rest] if argv[1:] else [], "", {})
    if not argv or argv[0] not in verbs:
        more = f", or {about} and one of {', '.join(later)}" if later else ""
        return program, lambda: _refuse_unknown(program, verbs, argv, more)
    command = f"{program} {argv[0]}"
    where, words, text = verbs[argv[0]]
    if "-h" in argv[1:2] or argv[-1] == "--help":
        return command, lambda: _print(f"usage: {command} {words}".rstrip() + f"\n\n{text}")
    module, function = where.split(":")
    return command, lambda: int(getattr(import_module(module), function)(argv[1:]))


def _open_streams() -> None:
    """Who closed stdout or stderr (`>&-`) does not want to read it. From here on nothing that is printed there is obeyed."""
    sys.stdout = make_printable(sys.stdout or _open_nowhere())
    sys.stderr = make_printable(sys.stderr or _open_nowhere())


def _open_nowhere() -> "TextIO":
    return open(os.devnull, "w", encoding="utf-8")


def _report_system_error(command: str, error: OSError) -> int:
    """Say an error of the system. A reader that has gone is told nothing, and nothing is left to be written at exit."""
    lost = _is_lost(sys.stdout)
    if lost:
        sys.stdout = _open_nowhere()
    if not isinstance(error, BrokenPipeError):
        why = error.strerror or str(error) or type(error).__name__
        where = error.filename or (STDOUT if lost else "")
        room = "make room where the output goes" if error.errno == ENOSPC else ""
        with suppress(OSError):
            hint = room if where == STDOUT else system_hint(error)
            complain(command, Failure(f"{where}: {why}" if where else why, hint))
    if _is_lost(sys.stderr):
        sys.stderr = _open_nowhere()
    return 1


def complain(command: str, error: Failure) -> int:
    """Say on stderr what failed, and return the exit status of that error."""
    print(report(command, error), file=sys.stderr)
    return error.status


def _is_lost(stream: "TextIO") -> bool:
    """Whether what was printed there can never be written."""
    try:
        stream.flush()
    except OSError:
        return True
    return False


def _print(text: str) -> int:
    print(text)
    return 0


def _refuse_reversed(program: str, about: str, argv: list[str]) -> int:
    verb, name = argv[0], argv[1] if argv[1:] else about
    print(f"{program}: {verb} comes after the name: {program} {name} {verb}", file=sys.stderr)
    print(f"hint: {program} --help", file=sys.stderr)
    return 2


def _refuse_unknown(program: str, verbs: Verbs, argv: list[str], more: str) -> int:
    wrong = f"unknown verb {argv[0]!r}" if argv else "a verb is missing"
    print(f"{program}: {wrong}: it is one of {', '.join(verbs)}{more}", file=sys.stderr)
    print(f"hint: {program} --help", file=sys.stderr)
    return 2


def _help(program: str, verbs: Verbs, about: str, later: Verbs) -> str:
    begun = {f"{program} {verb}": row for verb, row in verbs.items()}
    begun |= {f"{program} {about} {verb}": row for verb, row in later.items()}
    rows = [(f"{begin} {words}".rstrip(), text.partition("\n")[0]) for begin, (_, words, text) in begun.items()]
    width = min(max(len(left) for left, _ in rows), 44)
    lines = [
        f"{left:<{width}}  {text}" if len(left) <= width else f"{left}\n{'':<{width}}  {text}" for left, text in rows
    ]
    return f"usage: {program} [-v] VERB …\n\n" + "\n".join(lines) + f"\n\n{_VERBOSE}\n{_STATUSES}"


def local_time(seconds: float | None) -> str:
    """A point in time (seconds since the epoch) for people; "" for none."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


def parse_arguments(
    argv: list[str], usage: str, *, flags: tuple[str, ...] = (), values: tuple[str, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    """Split a verb's words into positional ones and options (`flags` alone, `values` followed by one word).

    `usage` names the positional words, those in brackets are optional; Usage where the words do not fit.
    """
    positional, options = split_options(argv, flags=flags, values=values)
    wanted = usage.split()
    least = sum(not word.startswith("[") for word in wanted)
    if len(positional) < least:
        raise Usage(f"{wanted[len(positional)]} is missing")
    if len(positional) > len(wanted):
        raise Usage(f"{positional[len(wanted)]!r} is one word too many")
    return positional, options


def split_options(
    argv: list[str], *, flags: tuple[str, ...] = (), values: tuple[str, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    """The same for any number of positional words."""
    rest, options = list(argv), {}
    positional = []
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in flags:
            options[word] = ""
        elif name in values and (equals or rest):
            options[name] = value if equals else rest.pop(0)
        elif word.startswith("-") and word != "-":
            raise Usage(f"{word}: " + ("a value is missing" if word in values else "unknown option"))
        else:
            positional.append(word)
    return positional, options
