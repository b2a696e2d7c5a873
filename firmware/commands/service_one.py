"""`service NAME[.INSTANCE] start|stop|restart|reload|status|check|apply|revert`: one service."""

import sys
from collections.abc import Callable
from typing import TypeVar

from firmware.commands.cli import complain, local_time, parse_arguments
from firmware.errors import Failure
from firmware.operations import service_actions, service_list, service_titles, service_trials
from firmware.operations.push_problems import push_problems
from firmware.operations.service_list import ServiceStatus
from firmware.printable import escape

#: LSB: dead although it should run, not running, unknown
_LSB = {"running": 0, "failed": 1, "stopped": 3, "disabled": 3}
_UNKNOWN = 4

T = TypeVar("T")


def start(argv: list[str]) -> int:
    """Start it; nothing if it runs. With `--confirm` only for so long, unless it is confirmed."""
    (title,), options = parse_arguments(_with_number(argv), "NAME", values=("--confirm",))
    _print_notes([title])
    if "--confirm" in options:
        _print_wait(title, service_trials.start(title, options["--confirm"]))
        return 0
    _say(*_run(service_actions.start, argv))
    return 0


def stop(argv: list[str]) -> int:
    """Stop it; nothing if it does not run. It may be gone from config.rc already."""
    _run(service_actions.stop, argv)
    return 0


def restart(argv: list[str]) -> int:
    """Stop and start it."""
    _print_notes(argv)
    _say(*_run(service_actions.restart, argv))
    return 0


def reload(argv: list[str]) -> int:
    """Have it load its configuration, and say how that went."""
    for outcome in _run(service_actions.reload, argv):
        _say(outcome.output)
    return 0


def check(argv: list[str]) -> int:
    """Check what lies on disk; exit status 4 if it is invalid."""
    _print_notes(argv)
    _say(*_run(service_actions.check, argv))
    _print_push_problems(argv[0])
    return 0


def apply(argv: list[str]) -> int:
    """Make what lies on disk count; with `--confirm` only for so long, unless it is confirmed."""
    (title,), options = parse_arguments(_with_number(argv), "NAME", values=("--confirm",))
    _print_notes([title])
    if "--confirm" not in options:
        _say(*_run(service_actions.apply, argv))
        _print_left_out(title)
        _print_push_problems(title)
        return 0
    _print_wait(title, service_trials.apply(title, options["--confirm"]))
    _print_left_out(title, itself=" --confirm")
    return 0


def _print_wait(title: str, seconds: int) -> None:
    print(f"service {title}: the old one comes back in {seconds} s, unless: service {title} confirm", file=sys.stderr)


def _print_left_out(title: str, *, itself: str = "") -> None:
    """Of a name that stands for several services: those that were not started, for apply starts nothing that is stopped. The
    service of that very name is among them where `itself` says how it is started."""
    for one in service_titles.known_titles(title):
        if (itself or one != title) and service_list.service_status(one).state == "stopped":
            remedy = f"service {one} start{itself if one == title else ''}"
            print(f"note: service {one}: it does not run, and apply does not start it: {remedy}", file=sys.stderr)


def _with_number(argv: list[str]) -> list[str]:
    """A number after `--confirm` may be left out: it is an empty word then."""
    return [*argv, ""] if argv[-1] == "--confirm" else argv


def confirm(argv: list[str]) -> int:
    """Keep what was applied with `--confirm`."""
    (title,), _ = parse_arguments(argv, "NAME")
    service_trials.confirm(title)
    return 0


def undo(argv: list[str]) -> int:
    """Put back now what would come back without a confirmation."""
    (title,), _ = parse_arguments(argv, "NAME")
    service_trials.undo(title)
    return 0


def revert(argv: list[str]) -> int:
    """Put back what is applied."""
    _run(service_actions.revert, argv)
    return 0


def status(argv: list[str]) -> int:
    """Say how it is. The exit status is the one that LSB has for it."""
    (title,), options = parse_arguments(argv, "NAME", flags=("--json",))
    try:
        statuses = [service_list.service_status(one) for one in service_titles.known_titles(title)]
    except Failure as error:
        complain(f"service {title} status", error)
        return _UNKNOWN
    if "--json" in options:
        import json

        bodies = [found.json() for found in statuses]
        print(json.dumps(bodies if len(bodies) > 1 else bodies[0], indent=2))
    else:
        for found in statuses:
            _print_status(found)
        _print_push_problems(title)
    return _worst_status([found.state for found in statuses])


def _worst_status(states: list[str]) -> int:
    """Of several: 1 if one of them has failed, 0 if one runs, 3 if none does."""
    return min((_LSB[state] for state in states), key=(1, 0, 3).index)


def _print_status(found: ServiceStatus) -> None:
    parts = [found.state, *([f"pid {found.pid}"] if found.pid else [])]
    parts += [f"since {local_time(found.since)}"] if found.since else []
    parts += ["needs apply"] if found.needs_apply else []
    print(f"{found.title}: {', '.join(parts)}")
    if found.crashes:
        print(f"it ended by itself {found.crashes} {'time' if found.crashes == 1 else 'times'} since it was started")
    for line in (*found.last_words.splitlines(), *found.remarks):
        print(f"    {line}")


def _print_notes(argv: list[str]) -> None:
    """What its block says that does not do what its author expects; it is carried out all the same."""
    (title,), _ = parse_arguments(argv, "NAME")
    for note in service_actions.block_notes(title):
        print(note, file=sys.stderr)


def _say(*words: str) -> None:
    """What a checker or a daemon says has passed through files that others wrote."""
    for text in filter(None, words):
        print(escape(text, keep="\n\t"), file=sys.stderr)


def _print_push_problems(title: str) -> None:
    """It is right, and runs; only it could not be pushed."""
    for problem in push_problems(title):
        print(f"note: {problem}\nhint: {problem.hint}", file=sys.stderr)


def _run(action: Callable[[str], T], argv: list[str]) -> T:
    """Do it with the service that is named. Who interrupts us learns how it is then: a restart may have come half way."""
    (title,), _ = parse_arguments(argv, "NAME")
    try:
        return action(title)
    except KeyboardInterrupt:
        print(f"service {title}: interrupted: it is {service_list.state_of(title)} now", file=sys.stderr)
        raise
