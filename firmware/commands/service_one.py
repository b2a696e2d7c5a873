"""`service NAME[.INSTANCE] start|stop|restart|reload|status|check|apply|revert`: one service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from firmware.commands.cli import complain, words
from firmware.errors import Failure, Usage
from firmware.locks import hold, service_lock
from firmware.rc import document
from firmware.rc.document import Block
from firmware.services import applied, catalog, lifecycle, states
from firmware.services.definition import Service
from firmware.sync import transaction

#: LSB: dead although it should run, not running, unknown
_LSB = {"running": 0, "failed": 1, "stopped": 3}
_UNKNOWN = 4


def start(argv: list[str]) -> int:
    """Start it; nothing if it runs."""
    title = _title(argv)
    with _at_work(title):
        lifecycle.start(*_found(title))
    return 0


def stop(argv: list[str]) -> int:
    """Stop it; nothing if it does not run. It may be gone from config.rc already."""
    title = _title(argv)
    with _at_work(title):
        lifecycle.stop(title)
    return 0


def restart(argv: list[str]) -> int:
    """Stop and start it."""
    title = _title(argv)
    with _at_work(title):
        lifecycle.restart(*_found(title))
    return 0


def reload(argv: list[str]) -> int:
    """Have it load its configuration, and say how that went."""
    title = _title(argv)
    with _at_work(title):
        done = lifecycle.reload(*_found(title))
    print(done.output, file=sys.stderr)
    return 0


def check(argv: list[str]) -> int:
    """Check what lies on disk; exit status 4 if it is invalid."""
    title = _title(argv)
    with _at_work(title):
        lifecycle.require_valid(*_found(title))
    return 0


def apply(argv: list[str]) -> int:
    """Make what lies on disk count."""
    title = _title(argv)
    with _at_work(title):
        service, block = _known(title), _block(title)
        if block is not None:
            lifecycle.apply(service, block)
        elif applied.digest(title) or states.service_state(title).state != "stopped":
            lifecycle.dismiss(title)
        else:
            _found(title)
    return 0


def revert(argv: list[str]) -> int:
    """Put back what is applied."""
    title = _title(argv)
    service = _known(title)
    with _at_work(title):
        lifecycle.revert(service, title)
    return 0


def status(argv: list[str]) -> int:
    """Say how it is. The exit status is the one that LSB has for it."""
    from firmware.commands.service_all import clock, row_of

    (title,), options = words(argv, "NAME", flags=("--json",))
    try:
        _known(title)
        block, state = _block(title), states.service_state(title, details=True)
        if block is None and state.state == "stopped":
            _found(title)
    except Failure as error:
        complain(f"service {title} status", error)
        return _UNKNOWN
    row = row_of(block, state) if block else {"state": state.state, "pid": state.pid or None, "needs_apply": False}
    if "--json" in options:
        import json

        print(json.dumps({**row, "crashes": state.crashes, "words": state.last_words}, indent=2))
        return _LSB[state.state]
    parts = [str(row["state"]), *([f"pid {state.pid}"] if state.pid else [])]
    parts += [f"since {clock(state.since)}"] if state.since else []
    parts += ["needs apply"] if row["needs_apply"] else []
    print(f"{title}: {', '.join(parts)}")
    if state.crashes:
        print(f"it ended by itself {state.crashes} {'time' if state.crashes == 1 else 'times'} since it was started")
    for line in state.last_words.splitlines():
        print(f"    {line}")
    return _LSB[state.state]


@contextmanager
def _at_work(title: str) -> Iterator[None]:
    """Nobody else is at work on it meanwhile. Who interrupts us learns how it is then: a restart may have come half way."""
    with hold(service_lock(title)):
        try:
            yield
        except KeyboardInterrupt:
            print(f"service {title}: interrupted: it is {states.service_state(title).state} now", file=sys.stderr)
            raise


def _title(argv: list[str]) -> str:
    """The one word that is expected: the name of a service that there is. What an interrupted push left of it is seen to."""
    (title,), _ = words(argv, "NAME")
    _known(title)
    if transaction.is_open(title):
        from firmware.flows.recovery import recover

        for line in recover(title):
            print(line, file=sys.stderr)
    return title


def _found(title: str) -> tuple[Service, Block]:
    """The service and its block; Usage if there is no such service, Failure if it is not in config.rc."""
    service, block = _known(title), _block(title)
    if block is None:
        known = [other.title for other in document.scan(document.load())[0].blocks]
        raise Failure(f"{title}: it is not in {document.PATH}", _nearest(title, known))
    return service, block


def _known(title: str) -> Service:
    service = catalog.find(title.partition(".")[0])
    if service is None or [block.title for block in _blocks(f"service {title.replace('.', ' ', 1)}\n")] != [title]:
        raise Usage(
            f"{title or repr(title)}: there is no such service", _nearest(title, catalog.NAMES) or "service list"
        )
    return service


def _block(title: str) -> Block | None:
    name, _, instance = title.partition(".")
    return document.scan(document.load())[0].only(name, instance)


def _blocks(text: str) -> tuple[Block, ...]:
    return document.scan(text)[0].blocks


def _nearest(title: str, known: "tuple[str, ...] | list[str]") -> str:
    from difflib import get_close_matches

    near = get_close_matches(title, known, 1)
    return f"did you mean {near[0]}?" if near else ""
