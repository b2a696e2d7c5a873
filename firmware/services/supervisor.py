"""The supervisor: s6 owns every daemon. Why s6: a daemon's parent knows its pid, so no recycled pid is ever signalled;
TERM is followed by KILL after a time limit; one that crashes is back after a second, and no other notices; and the logs
that s6-log keeps are bounded and outlive the daemon.

s6-svscan runs on /run/firmware/scan as long as the node does. For each service that was ever started there is a
directory TITLE in it, made by `up`; the file `down` in it says that the service is not wanted, `failed` that the last
start failed and with which words. A service without a process runs once its commands have (see `setup`).
All who start or stop a service hold its lock.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Failure
from firmware.rc.document import Block
from firmware.run import run
from firmware.services import launch, logs, setup
from firmware.services.definition import Service

SCAN = Path("/run/firmware/scan")

#: seconds that a daemon has until it answers, and until it is gone (s6 kills it after 5)
UP_SECONDS = 10.0
DOWN_SECONDS = 12.0

_SETTLE = 0.1
_POLL = 0.02
_SIGNALS = {"HUP": "-h", "INT": "-i", "QUIT": "-q", "TERM": "-t", "KILL": "-k", "USR1": "-1", "USR2": "-2"}


@dataclass(frozen=True, slots=True)
class State:
    """`state` is running, stopped or failed (wanted, but not there). `since`: seconds since the epoch, 0 if unknown.

    `words` are what it said when it last ended against its will. `crashes` counts that since it was last started on
    purpose; it is counted for those who ask for details only.
    """

    state: str
    pid: int = 0
    since: float = 0.0
    words: str = ""
    crashes: int = 0


def state(title: str, *, details: bool = False, scan: Path = SCAN) -> State:
    """How a service is. With `details`, also how often it crashed, and its last words."""
    place = scan / title
    if not place.is_dir():
        return _of_setup(title)
    if (words := _read(place / "failed")) is not None:
        return State("failed", since=(place / "failed").stat().st_mtime, words=words)
    status = _status(place)
    if status is None:
        unwanted = (place / "down").exists()
        return State("stopped") if unwanted else State("failed", words="its supervisor s6-supervise does not run")
    if not status.wanted:
        return State("stopped", since=status.since)
    crashes = _crashes(place) if details else 0
    words = logs.last_words(title) if details and (crashes or not status.pid) else ""
    return State("running" if status.pid else "failed", status.pid, status.since, words, crashes)


def titles(*, scan: Path = SCAN) -> list[str]:
    """The services that were started at some time since the node booted, sorted."""
    places = {path.name for path in scan.glob("*") if not path.name.startswith(".")}
    return sorted(places | set(setup.titles()))


def alive(*, scan: Path = SCAN) -> bool:
    """Does s6-svscan run?"""
    return run(["s6-svscanctl", "-a", str(scan)], check=False).status == 0


def up(service: Service, block: Block, *, wait: float = UP_SECONDS, scan: Path = SCAN) -> None:
    """Start it and wait until it answers. Failure, with its last words, if it dies or is silent; it is then down."""
    launch.make_needs(service)
    if service.daemon is None:
        setup.up(service, block)
        return
    setup.prepare(service, block)
    title, place = block.title, scan / block.title
    _install(place, launch.scripts(service, block, logs.place(title)))
    start = logs.mark(title)
    (place / "failed").unlink(missing_ok=True)
    run(["s6-svdt-clear", str(place)])
    (place / "down").unlink(missing_ok=True)
    run(["s6-svc", "-u", str(place)])
    try:
        _await_answer(service, block, place, wait)
    except Failure as error:
        fail(title, _words(title, start, str(error)), scan=scan)
        raise Failure(f"service {title}: not started: {_read(place / 'failed')}") from None


def down(title: str, *, scan: Path = SCAN) -> None:
    """Stop it: TERM, KILL after 5 s, and wait for its end; nothing if it does not run. Failure if it will not end."""
    place = scan / title
    if place.is_dir():
        (place / "down").touch()
        (place / "failed").unlink(missing_ok=True)
        if _supervised(place):
            _bring_down(title, place)
    setup.down(title)


def fail(title: str, words: str, *, scan: Path = SCAN) -> None:
    """Stop it because it failed, and keep these words for who asks."""
    down(title, scan=scan)
    (scan / title / "failed").write_text(words)


def signal(title: str, name: str, *, scan: Path = SCAN) -> None:
    """Send a signal (`HUP`, `USR2`, …) to the daemon, and to nothing else."""
    run(["s6-svc", _SIGNALS[name], str(scan / title)])


def current(service: Service, block: Block, *, scan: Path = SCAN) -> bool:
    """Was the daemon that runs started with the same arguments, account and environment as the block wants now?"""
    wanted = launch.scripts(service, block, logs.place(block.title))
    return all(_read(scan / block.title / name) == text for name, text in wanted.items())


@dataclass(frozen=True, slots=True)
class _Status:
    pid: int
    wanted: bool
    since: float


def _status(place: Path) -> _Status | None:
    """What s6 knows; None if nobody supervises it. The pid is 0 while it is not running."""
    done = run(["s6-svstat", "-o", "up,wantedup,pid,updownfor", str(place)], check=False)
    words = done.stdout.split()
    if done.status or len(words) != 4:
        return None
    runs = words[0] == "true"
    return _Status(int(words[2]) if runs else 0, words[1] == "true", float(int(time.time()) - int(words[3])))


def _supervised(place: Path) -> bool:
    return run(["s6-svok", str(place)], check=False).status == 0


def _crashes(place: Path) -> int:
    return len(run(["s6-svdt", str(place)], check=False).stdout.splitlines())


def _install(place: Path, files: dict[str, str]) -> None:
    """Write the service directory and have it supervised; its daemon is not started."""
    logs.place(place.name).mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.is_dir():
        turned = _write(place, files)
        if "log/run" in turned and _supervised(place / "log"):
            run(["s6-svc", "-r", str(place / "log")])
    else:
        new = place.with_name(f".{place.name}.new")
        (new / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(new, files)
        (new / "down").touch()
        new.rename(place)
    if not _supervised(place):
        _adopt(place)


def _adopt(place: Path) -> None:
    deadline = time.monotonic() + 5
    while not _supervised(place):
        if time.monotonic() > deadline or not alive(scan=place.parent):
            raise Failure(f"service {place.name}: not started: s6-svscan does not run", "init starts it: see /etc/inittab")
        time.sleep(_POLL)


def _write(place: Path, files: dict[str, str]) -> list[str]:
    """Replace what differs, each file in one step; returns what was replaced."""
    turned = [name for name, text in files.items() if _read(place / name) != text]
    for name in turned:
        new = place / f"{name}.new"
        new.write_text(files[name])
        new.chmod(0o700)
        os.replace(new, place / name)
    return turned


def _await_answer(service: Service, block: Block, place: Path, wait: float) -> None:
    from firmware import processes
    from firmware.services import ready

    where = service.ready(block) if service.ready else ""
    name, deadline = launch.procname(service, block), time.monotonic() + wait
    while time.monotonic() < deadline:
        status = _status(place)
        if status is None or (not status.pid and _crashes(place)):
            raise Failure("it ended at once")
        if status.pid and processes.runs(status.pid, name) and (not where or ready.answers(where, status.pid)):
            time.sleep(_SETTLE)
            after = _status(place)
            if after and after.pid == status.pid:
                return
        time.sleep(_POLL)
    raise Failure(f"no answer at {where} after {wait:g} s" if where else f"{name} does not run after {wait:g} s")


def _bring_down(title: str, place: Path) -> None:
    limit = str(int(DOWN_SECONDS * 1000))
    done = run(["s6-svc", "-wD", "-T", limit, "-d", str(place)], timeout=DOWN_SECONDS + 5, check=False)
    if done.status:
        raise Failure(f"service {title}: not stopped: it is still there after {DOWN_SECONDS:g} s")


def _words(title: str, start: logs.Mark, why: str) -> str:
    """The reason and what the daemon said since its start; its log may be a moment behind."""
    deadline = time.monotonic() + 1
    while logs.ENDED not in (text := logs.since(title, start)) and time.monotonic() < deadline:
        time.sleep(_POLL)
    said = logs.said(text)
    return f"{why}\n{said}" if said else why


def _of_setup(title: str) -> State:
    found = setup.state(title)
    if found is None:
        return State("stopped")
    return State("failed" if found.words else "running", since=found.since, words=found.words)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
