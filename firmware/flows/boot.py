"""Boot and shutdown: what init asks for once the node is up, and before it goes down."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from firmware.errors import Failure, Invalid
from firmware.rc import document
from firmware.rc.document import Block
from firmware.services import applied, catalog, control, states, supervisor
from firmware.services.definition import Service

BOOTED = Path("/run/firmware/booted")

#: seconds that s6-svscan, which init starts at the same time, has to appear
SUPERVISOR_SECONDS = 5.0


def boot() -> list[str]:
    """Restore what is saved, undo what was interrupted, start what is to be started; returns what went wrong.

    On a node that has booted it only starts what does not run: nothing that is not saved may be lost.
    """
    from firmware.flows.recovery import recover
    from firmware.store.restore import restore

    failed: list[str] = []
    if not BOOTED.exists():
        failed += _tried("restore", lambda: _say(*restore().lines))
        failed += _tried("recovery", lambda: _say(*recover(booting=True)))
    failed += _tried("supervisor", await_supervisor)
    failed += start_all()
    BOOTED.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    BOOTED.write_text("".join(f"{line}\n" for line in failed))
    return failed


def start_all() -> list[str]:
    """Start every service without `no autostart`, in file order. One that fails is said, and the others go on."""
    failed: list[str] = []
    for block in document.scan(document.load())[0].blocks:
        service = catalog.find(block.name)
        if service is None:
            failed += _said(f"service {block.title or '?'}: unknown (config.rc, line {block.lines[0].number})")
        elif block.enabled and block.flag("autostart", True):
            failed += _tried(f"service {block.title}", partial(_start, service, block))
        else:
            failed += _tried(f"service {block.title}", partial(_note, service, block))
    return failed


def shutdown() -> list[str]:
    """Stop every service, the last one in config.rc first, and then what runs without a block."""
    titles = [block.title for block in document.scan(document.load())[0].blocks]
    others = [title for title in states.titles() if title not in titles]
    failed: list[str] = []
    for title in [*reversed(titles), *others]:
        failed += _tried(f"service {title}", partial(_stop, title))
    return failed


def await_supervisor(seconds: float = SUPERVISOR_SECONDS) -> None:
    """Wait for s6-svscan. Failure if it does not appear."""
    deadline = time.monotonic() + seconds
    while not supervisor.alive():
        if time.monotonic() > deadline:
            raise Failure(f"s6-svscan does not run after {seconds:g} s", "init starts it: see /etc/inittab")
        time.sleep(0.05)


def _start(service: Service, block: Block) -> None:
    with control.lock(block.title):
        control.start(service, block)
    _say(f"service {block.title}: started")


def _note(service: Service, block: Block) -> None:
    """What is not started has not changed since boot: that is what its applied content says then."""
    with control.lock(block.title):
        if states.state(block.title).state == "stopped":
            applied.record(service, block)


def _stop(title: str) -> None:
    with control.lock(title):
        control.stop(title)


def _tried(what: str, act: Callable[[], object]) -> list[str]:
    try:
        act()
    except Failure as error:
        details = error.problems if isinstance(error, Invalid) else ()
        text = str(error) if str(error).startswith(what) else f"{what}: {error}"
        return _said("\n".join((text, *details)))
    return []


def _said(text: str) -> list[str]:
    _say(text)
    return [text]


def _say(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)
