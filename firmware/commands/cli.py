"""What all programs share: the table of verbs, their help, and how an error looks to a person.

Exit statuses: 0 done, 1 it failed, 2 wrong usage, 3 refused and nothing changed, 4 invalid configuration.
"""

import sys
from collections.abc import Mapping
from importlib import import_module

from firmware.errors import Failure, Usage, complain

#: verb → (where its function is, "module:function"; the words after it; one line of help)
Verbs = Mapping[str, tuple[str, str, str]]


def dispatch(program: str, verbs: Verbs, argv: list[str], about: str = "", later: Verbs | None = None) -> int:
    """Run the verb that `argv` names and return the exit status; every error is said the same way.

    The verbs of `later` come after the name of what they are about (`service haproxy start`), and get it as their first
    word; `about` is what that name is called in the help.
    """
    if argv and argv[0] in ("--help", "-h", "help"):
        print(_help(program, verbs, about, later or {}))
        return 0
    if later and argv and argv[0] not in verbs:
        name, rest = argv[0], argv[2:] if argv[2:3] in (["--help"], ["-h"]) else [argv[0], *argv[2:]]
        return dispatch(f"{program} {name}", later, [*argv[1:2], *rest] if argv[1:] else [])
    if not argv or argv[0] not in verbs:
        return _misused(program, verbs, argv)
    verb = argv[0]
    where, words, text = verbs[verb]
    if "-h" in argv[1:2] or argv[-1] == "--help":
        print(f"usage: {program} {verb} {words}".rstrip() + f"\n\n{text}")
        return 0
    module, function = where.split(":")
    try:
        return int(getattr(import_module(module), function)(argv[1:]))
    except Failure as error:
        return complain(f"{program} {verb}", error)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


def _misused(program: str, verbs: Verbs, argv: list[str]) -> int:
    wrong = f"unknown verb {argv[0]!r}" if argv else "a verb is missing"
    print(f"{program}: {wrong}: it is one of {', '.join(verbs)}", file=sys.stderr)
    print(f"hint: {program} --help", file=sys.stderr)
    return 2


def _help(program: str, verbs: Verbs, about: str, later: Verbs) -> str:
    rows = [(f"{program} {verb} {words}".rstrip(), text) for verb, (_, words, text) in verbs.items()]
    rows += [(f"{program} {about} {verb} {words}".rstrip(), text) for verb, (_, words, text) in later.items()]
    width = min(max(len(left) for left, _ in rows), 44)
    lines = [
        f"{left:<{width}}  {text}" if len(left) <= width else f"{left}\n{'':<{width}}  {text}" for left, text in rows
    ]
    return f"usage: {program} VERB …\n\n" + "\n".join(lines)


def words(
    argv: list[str], usage: str, *, flags: tuple[str, ...] = (), values: tuple[str, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    """Split a verb's words into positional ones and options (`flags` alone, `values` followed by one word).

    `usage` names the positional words, those in brackets are optional; Usage where the words do not fit.
    """
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
    wanted = usage.split()
    least = sum(not word.startswith("[") for word in wanted)
    if len(positional) < least:
        raise Usage(f"{wanted[len(positional)]} is missing")
    if len(positional) > len(wanted):
        raise Usage(f"{positional[len(wanted)]!r} is one word too many")
    return positional, options
