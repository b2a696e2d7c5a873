"""The supervisor: s6 owns every daemon. Why s6: a daemon's parent knows its pid, so no recycled pid is ever signalled;
TERM is followed by KILL after a time limit; one that crashes is back after a second, and no other notices; and the logs
that s6-log keeps are bounded and outlive the daemon.

s6-svscan runs on /run/firmware/scan as long as the node does. For each service that was ever started there is a
directory TITLE in it, made by `up`; the file `down` in it says that the service is not wanted, `failed` that the last
start failed and with which words. A service without a process runs once its commands have (see `setup`).
All who start or stop a service hold its lock. How it is then, `states` says.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from firmware.errors import Failure
from firmware.rc.document import Block
from firmware.services import launch, logs, s6, setup, states
from firmware.services.definition import Service
from firmware.services.states import SCAN, State

#: seconds that a daemon has until it answers
UP_SECONDS = 30.0

_SETTLE = 0.1
_POLL = 0.02


def nothing() -> None:
    """What is done where nothing is to be done."""


def state(title: str, *, details: bool = False, scan: Path = SCAN) -> State:
    """How a service is; `states.state`."""
    return states.state(title, details=details, scan=scan)


def alive(*, scan: Path = SCAN) -> bool:
    """Does s6-svscan run?"""
    return s6.alive(scan)


def up(
    service: Service,
    block: Block,
    *,
    launched: Callable[[], None] = nothing,
    wait: float = UP_SECONDS,
    scan: Path = SCAN,
) -> None:
    """Start it and wait until it answers; `launched` is called in between. Failure, with its last words, if it dies or is
    silent; it is then down."""
    launch.make_needs(service)
    if service.daemon is None:
        setup.up(service, block)
        return
    setup.prepare(service, block)
    title, place = block.title, scan / block.title
    _install(title, launch.scripts(service, block, logs.place(title)), scan)
    start = logs.mark(title)
    for mark in ("failed", "down"):
        (place / mark).unlink(missing_ok=True)
    s6.wake(place)
    launched()
    try:
        _await_answer(service, block, place, wait)
    except Failure as error:
        words = _words(title, start, str(error))
        fail(title, words, scan=scan)
        raise Failure(f"service {title}: not started: {words}") from None


def down(title: str, *, scan: Path = SCAN) -> None:
    """Stop it: TERM, KILL after 5 s, and wait for its end; nothing if it does not run. Failure if it will not end."""
    place = scan / title
    if place.is_dir():
        _want_down(place)
        (place / "failed").unlink(missing_ok=True)
    setup.down(title)


def fail(title: str, words: str, *, scan: Path = SCAN) -> None:
    """Stop it because it failed, and keep these words for who asks; also if it was never started."""
    if not (scan / title).is_dir():
        _create(scan / title, {}, logger=False)
    (scan / title / "failed").write_text(words or "it failed")
    _want_down(scan / title)


def signal(title: str, name: str, *, scan: Path = SCAN) -> None:
    """Send a signal (`HUP`, `USR2`, …) to the daemon, and to nothing else."""
    s6.signal(scan / title, name)


def current(service: Service, block: Block, *, scan: Path = SCAN) -> bool:
    """Was the daemon that runs started with the same arguments, account and environment as the block wants now?"""
    wanted = launch.scripts(service, block, logs.place(block.title))
    return not any(_differs(scan / name, text) for name, text in wanted.items())


def _want_down(place: Path) -> None:
    if not (place / "down").exists():
        (place / "down").touch()
    if s6.supervised(place):
        s6.put_down(place)


def _install(title: str, files: dict[str, str], scan: Path) -> None:
    """Write the service directories and have them supervised; the logger is started, the daemon is not."""
    logs.place(title).mkdir(mode=0o700, parents=True, exist_ok=True)
    logger = launch.logger_of(title)
    for name in (logger, title):
        if not (scan / name).is_dir():
            _create(scan / name, files, logger=name == logger)
        elif _write(scan / name, name, files) and name == logger:
            s6.renew(scan / name)
        s6.adopt(scan / name)


def _create(place: Path, files: dict[str, str], *, logger: bool) -> None:
    """Make a service directory in one step, for s6 may look at any time; a daemon in it is not wanted yet."""
    new = place.with_name(f".{place.name}.new")
    new.mkdir(mode=0o700, exist_ok=True)
    _write(new, place.name, files)
    if not logger:
        (new / "down").touch()
    elif not (new / "fifo").exists():
        os.mkfifo(new / "fifo", 0o600)
    new.rename(place)


def _write(place: Path, name: str, files: dict[str, str]) -> bool:
    """Replace the files of one directory that differ, each in one step; whether there were any."""
    ours = {file.removeprefix(f"{name}/"): text for file, text in files.items() if file.startswith(f"{name}/")}
    turned = [file for file, text in ours.items() if _differs(place / file, text)]
    for file in turned:
        new = place / f"{file}.new"
        new.write_text(ours[file])
        new.chmod(0o700)
        os.replace(new, place / file)
    return bool(turned)


def _await_answer(service: Service, block: Block, place: Path, wait: float) -> None:
    from firmware import processes

    name, deadline = launch.procname(service, block), time.monotonic() + wait
    missing = f"{name} does not run"
    while time.monotonic() < deadline:
        pid = states.daemon(place)
        if not pid and s6.deaths(place):
            raise Failure("it ended at once")
        if pid and processes.runs(pid, name) and not (missing := service.ready(block, pid) if service.ready else ""):
            time.sleep(_SETTLE)
            if states.daemon(place) == pid:
                return
        time.sleep(_POLL)
    raise Failure(f"{missing} after {wait:g} s")


def _words(title: str, start: logs.Mark, why: str) -> str:
    """The reason and what the daemon said since its start; its log may be a moment behind."""
    deadline = time.monotonic() + 1
    while logs.ENDED not in (text := logs.since(title, start)) and time.monotonic() < deadline:
        time.sleep(_POLL)
    said = logs.said(text)
    return f"{why}\n{said}" if said else why


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_text() != text
    except FileNotFoundError:
        return True
