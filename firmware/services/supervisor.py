"""The supervisor: s6 owns every daemon. Why s6: a daemon's parent knows its pid, so no recycled pid is ever signalled;
TERM is followed by KILL after a time limit; one that crashes is back after a second, and no other notices; and the logs
that s6-log keeps are bounded and outlive the daemon.

s6-svscan runs on /run/firmware/scan as long as the node does. For each service that was ever started there is a
directory TITLE in it, made by `start`; the file `down` in it says that the service is not wanted, `failed` that the last
start failed, and why. A service without a process runs once its commands have (see `setup`).
All who start or stop a service hold its lock. How it is then, `states` says.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from firmware.errors import Failure
from firmware.services import generated, logs, oneshot, permissions, run_scripts, s6, states
from firmware.services.definition import GENERATED, Context, Service
from firmware.services.states import SCAN

#: seconds that a daemon has until it answers
UP_SECONDS = 30.0

_SETTLE = 0.1
_POLL = 0.02


def do_nothing() -> None:
    """What is done where nothing is to be done."""


def is_alive(*, scan: Path = SCAN) -> bool:
    """Does s6-svscan run?"""
    return s6.is_alive(scan)


def start(
    service: Service,
    context: Context,
    *,
    launched: Callable[[], None] = do_nothing,
    wait: float = UP_SECONDS,
    scan: Path = SCAN,
) -> None:
    """Start it and wait until it answers; `launched` is called in between. Failure, with its last words, if it dies or is
    silent; it is then down."""
    permissions.make_runtime_directories(service)
    generated.write(service, context)
    if service.daemon is None:
        oneshot.set_up(service, context)
        return
    oneshot.prepare_daemon(service, context)
    _start_companions(service, context)
    title, directory = context.title, scan / context.title
    more = run_scripts.requests_more(service, context)
    _install_directories(title, run_scripts.service_files(service, context, logs.log_directory(title), more=more), scan)
    start = logs.end_of_log(title)
    for mark in ("failed", "down"):
        (directory / mark).unlink(missing_ok=True)
    s6.start_daemon(directory)
    launched()
    try:
        _await_answer(service, context, directory, wait)
    except Failure as error:
        reason = _failure_text(title, start, str(error))
        mark_failed(title, reason, scan=scan)
        raise Failure(f"service {title}: not started: {reason}") from None


def stop(title: str, *, scan: Path = SCAN) -> None:
    """Stop it: TERM, KILL after 5 s, and wait for its end; nothing if it does not run. Failure if it will not end."""
    directory = scan / title
    if directory.is_dir():
        _order_down(directory)
        (directory / "failed").unlink(missing_ok=True)
        _stop_companions(title, scan)
    oneshot.tear_down(title)
    generated.remove(GENERATED / title)


def mark_failed(title: str, reason: str, *, scan: Path = SCAN) -> None:
    """Stop it because it failed, and keep the reason for who asks; also if it was never started."""
    if not (scan / title).is_dir():
        _create_directory(scan / title, {}, logger=False)
    (scan / title / "failed").touch()
    _order_down(scan / title)
    with suppress(OSError):  # /run may be full
        (scan / title / "failed").write_text(reason or "it failed")


def daemon_pid(title: str, *, scan: Path = SCAN) -> int:
    """The pid of a service's daemon; 0 while there is none."""
    return states.daemon_pid(scan / title)


def send_signal(title: str, name: str, *, scan: Path = SCAN) -> None:
    """Send a signal (`HUP`, `USR2`, …) to the daemon, and to nothing else."""
    s6.send_signal(scan / title, name)


def runs_as_wanted(service: Service, context: Context, *, scan: Path = SCAN) -> bool:
    """Was the daemon that runs started with the same arguments, account and environment as the block wants now?

    One that may more than its files ask for by now is as wanted: it would have to be started again to lose that.
    """
    log = logs.log_directory(context.title)
    for more in {run_scripts.requests_more(service, context), True}:
        wanted = run_scripts.service_files(service, context, log, more=more)
        if not any(_differs(scan / name, text) for name, text in wanted.items()):
            return True
    return False


def _start_companions(service: Service, context: Context) -> None:
    from firmware.services import companion

    for one in service.companions(context) if service.companions else ():
        companion.start(one)


def _stop_companions(title: str, scan: Path) -> None:
    from firmware.services import companion

    companion.stop_all(title, scan=scan)


def _order_down(directory: Path) -> None:
    if not (directory / "down").exists():
        (directory / "down").touch()
    if s6.is_supervised(directory):
        s6.stop_daemon(directory)


def _install_directories(title: str, files: dict[str, str], scan: Path) -> None:
    """Write the service directories and have them supervised; the logger is started, the daemon is not."""
    logs.log_directory(title).mkdir(mode=0o700, parents=True, exist_ok=True)
    logger = run_scripts.logger_name(title)
    for name in (logger, title):
        if not (scan / name).is_dir():
            _create_directory(scan / name, files, logger=name == logger)
        elif _replace_files(scan / name, name, files) and name == logger:
            s6.restart_daemon(scan / name)
        s6.await_supervision(scan / name)


def _create_directory(directory: Path, files: dict[str, str], *, logger: bool) -> None:
    """Make a service directory in one step, for s6 may look at any time; a daemon in it is not wanted yet."""
    new = directory.with_name(f".{directory.name}.new")
    new.mkdir(mode=0o700, exist_ok=True)
    _replace_files(new, directory.name, files)
    if not logger:
        (new / "down").touch()
    elif not (new / "fifo").exists():
        os.mkfifo(new / "fifo", 0o600)
    new.rename(directory)


def _replace_files(directory: Path, name: str, files: dict[str, str]) -> bool:
    """Replace the files of one directory that differ, each in one step; whether there were any."""
    ours = {file.removeprefix(f"{name}/"): text for file, text in files.items() if file.startswith(f"{name}/")}
    changed = [file for file, text in ours.items() if _differs(directory / file, text)]
    for file in changed:
        new = directory / f"{file}.new"
        new.write_text(ours[file])
        new.chmod(0o700)
        os.replace(new, directory / file)
    return bool(changed)


def _await_answer(service: Service, context: Context, directory: Path, wait: float) -> None:
    from firmware import processes

    name, deadline = run_scripts.process_name(service, context), time.monotonic() + wait
    missing = f"{name} does not run"
    while time.monotonic() < deadline:
        pid = states.daemon_pid(directory)
        if not pid and s6.count_deaths(directory):
            raise Failure("it ended at once")
        if (
            pid
            and processes.is_running(pid, name)
            and not (missing := service.ready(context, pid) if service.ready else "")
        ):
            time.sleep(_SETTLE)
            if states.daemon_pid(directory) == pid:
                return
        time.sleep(_POLL)
    raise Failure(f"{missing} after {wait:g} s")


def _failure_text(title: str, start: logs.LogMark, why: str) -> str:
    """The reason and what the daemon said since its start; its log may be a moment behind."""
    deadline = time.monotonic() + 1
    while logs.ENDED not in (text := logs.text_since(title, start)) and time.monotonic() < deadline:
        time.sleep(_POLL)
    said = logs.readable_end(text)
    return f"{why}\n{said}" if said else why


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_text() != text
    except FileNotFoundError:
        return True
