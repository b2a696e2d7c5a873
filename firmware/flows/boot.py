"""Boot and shutdown: what init asks for once the node is up, and before it goes down."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from firmware import log
from firmware.errors import Failure, Invalid, Refused, from_system
from firmware.locks import hold, service_lock
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.document import Document
from firmware.services import applied, catalog, lifecycle, states, supervisor
from firmware.services.definition import Context, Service
from firmware.services.dependencies import dependencies_first

RUN = Path("/run/firmware")
#: marks there: /etc has been restored, and all has been started that is to be
RESTORED, BOOTED = "restored", "booted"

#: seconds that s6-svscan, which init starts at the same time, has to appear
SUPERVISOR_SECONDS = 5.0

#: seconds that a daemon has until it answers: all of them want the processor at the same time, and nobody is there to start
#: again what was given up too early
UP_SECONDS = 120.0
#: seconds for which the node's own services may keep what binds ports of its own choice from starting
NODE_PORTS_SECONDS = 30.0


def boot(*, run: Path = RUN) -> list[str]:
    """Restore what is saved, undo what was interrupted, start what is to be started; returns what went wrong.

    On a node that has booted it only starts what does not run: nothing that is not saved may be lost.
    """
    from firmware.flows.identity import publish
    from firmware.flows.recovery import recover
    from firmware.flows.switch_slot import settle
    from firmware.store.restore import restore

    failed: list[str] = []
    if not was_restored(run):
        failed += _attempt_and_log("identity", lambda: publish(directory=run / "identity"))
        failed += _attempt_and_log("restore", lambda: _log_lines(restore().lines))
        failed += _attempt_and_log("recovery", lambda: _log_lines(recover(booting=True)))
        failed += _attempt_and_log("slots", lambda: _log_lines(settle()))
        failed += _attempt_and_log("boot", lambda: _mark(run / RESTORED))
    failed += _attempt_and_log("supervisor", await_supervisor)
    failed += _attempt_and_log("boot", lambda: failed.extend(start_all()))
    return failed + _attempt_and_log("boot", lambda: _mark(run / BOOTED, failed))


def has_booted(run: Path = RUN) -> bool:
    """Has the boot come to its end: has all been started that is to be, as far as it starts?"""
    return (run / BOOTED).exists()


def await_end(seconds: float, run: Path = RUN) -> bool:
    """Wait at most so long for the boot to come to its end; returns whether it has."""
    end = time.monotonic() + seconds
    while not has_booted(run) and time.monotonic() < end:
        time.sleep(0.2)
    return has_booted(run)


def was_restored(run: Path = RUN) -> bool:
    """Was /etc restored since the node came up? Then it is the operator's now. Should the marks be missing, for /run was full,
    say, whatever has been started tells it, too."""
    return any((run / mark).exists() for mark in (RESTORED, BOOTED)) or bool(states.started_titles(scan=run / "scan"))


def _mark(mark: Path, failed: Sequence[str] = ()) -> None:
    """Leave a mark below /run, with what went wrong. Where there is no room for that, an empty file is one, too."""
    mark.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mark.touch()
    if failed:
        mark.write_text("".join(f"{line}\n" for line in failed))


def start_all() -> list[str]:
    """Start every service without `no autostart`, in file order (see `start_order`). One that fails is said, and the others
    go on.

    A daemon is checked and launched as soon as the one before it has been, whether that answers yet or not; what has no
    process waits until all before it stands, and what binds ports of its own choice until the node has its own.
    """
    config = document.read_tolerant()
    if not config.blocks:
        raise Failure(f"{config.path}: it names no service: nothing is started", "config restore")
    repeated = repeated_blocks(config)
    _log_lines(repeated)
    progress = _Progress()
    progress.finish()
    with ThreadPoolExecutor() as pool:
        begun = []
        for block in start_order(dependencies_first(config.first_blocks, config)):
            before, progress = progress, _Progress()
            begun.append(pool.submit(_start_in_turn, block, config, before, progress))
    return repeated + [line for each in begun for line in each.result()]


def repeated_blocks(config: Document) -> list[str]:
    """What is to be said of blocks that stand there again; the first of a service is the one that counts."""
    counted = {block.title: block for block in config.first_blocks}
    again = [block for block in config.blocks if block is not counted[block.title]]
    return [
        f"service {block.title or '?'}: it stands in config.rc again, line {block.lines[0].number}: "
        f"only line {counted[block.title].lines[0].number} counts"
        for block in again
    ]


def start_order(blocks: Sequence[Block]) -> list[Block]:
    """File order, but that a service which binds ports of its own choice comes after the last that holds the node's own:
    what a peer may have sent must not take the ports by which the node is repaired."""
    known = [(block, catalog.find(block.name)) for block in blocks]
    holding = [at for at, (block, service) in enumerate(known) if service and service.ports and _is_wanted(block)]
    last = max(holding, default=-1)
    before, after = known[: last + 1], [block for block, _ in known[last + 1 :]]
    delayed = [block for block, service in before if service and service.binds]
    return [*(block for block, service in before if not (service and service.binds)), *delayed, *after]


def _is_wanted(block: Block) -> bool:
    """Is it started at a boot?"""
    return block.enabled and block.flag("autostart", True)


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a service is on its way up: launched, and done, which means that it runs or has failed."""

    launched: Event = field(default_factory=Event)
    done: Event = field(default_factory=Event)

    def finish(self) -> None:
        self.launched.set()
        self.done.set()


def _start_in_turn(block: Block, config: Document, before: _Progress, ours: _Progress) -> list[str]:
    """Start one service when its turn has come; returns what went wrong. What is said comes in file order."""
    service = catalog.find(block.name)
    before.launched.wait()
    if service is None or service.daemon is None:
        before.done.wait()
    elif service.binds:
        before.done.wait(NODE_PORTS_SECONDS)
    try:
        failed, started = _start_or_record(service, block, config, ours.launched.set)
        before.done.wait()
        _log_lines([*failed, *started])
        return failed
    finally:
        ours.finish()


def _start_or_record(
    service: Service | None, block: Block, config: Document, launched: Callable[[], None]
) -> tuple[list[str], list[str]]:
    """Start a service, if it is to be started; returns what went wrong, and what else there is to say."""
    if service is None:
        unknown = f"service {block.title or '?'}: unknown (config.rc, line {block.lines[0].number})"
        return [unknown] if block.enabled else [], []
    context = Context.of(service, block, config)
    if not _is_wanted(block):
        return _attempt(f"service {block.title}", partial(_record_unstarted, service, context)), []
    failed = _attempt(f"service {block.title}", partial(_start, service, context, launched))
    return failed, [] if failed else [f"service {block.title}: started"]


def shutdown() -> list[str]:
    """Stop every service, the last one in config.rc first, and then what runs without a block."""
    titles: list[str] = []
    failed = _attempt_and_log(
        "shutdown", lambda: titles.extend(block.title for block in document.read_tolerant().first_blocks)
    )
    others = [title for title in states.started_titles() if title not in titles]
    for title in [*reversed(titles), *others]:
        failed += _attempt_and_log(f"service {title}", partial(_stop, title))
    return failed


def await_supervisor(seconds: float = SUPERVISOR_SECONDS) -> None:
    """Wait for s6-svscan. Failure if it does not appear."""
    deadline = time.monotonic() + seconds
    while not supervisor.is_alive():
        if time.monotonic() > deadline:
            raise Failure(f"s6-svscan does not run after {seconds:g} s", "init starts it: see /etc/inittab")
        time.sleep(0.05)


def _start(service: Service, context: Context, launched: Callable[[], None]) -> None:
    """Start it. What is invalid, or cannot be checked, has failed then, and says why whenever it is asked: nobody was there to
    read it."""
    with hold(service_lock(context.title)):
        try:
            lifecycle.start(service, context, launched, checked=not service.checks_itself, wait=UP_SECONDS)
        except Invalid as error:
            lifecycle.mark_failed(service, context, "\n".join(("its configuration is invalid", *error.problems)))
            raise
        except Refused:  # there is nothing of it to start
            raise
        except Failure as error:
            if states.service_state(context.title).is_stopped:  # one that was launched says itself why it failed
                lifecycle.mark_failed(service, context, str(error))
            raise
        except OSError as error:
            if not states.service_state(context.title).is_running:
                lifecycle.mark_failed(service, context, str(from_system(error)))
            raise


def _record_unstarted(service: Service, context: Context) -> None:
    """What is not started has not changed since boot: that is what its applied content says then."""
    with hold(service_lock(context.title)):
        if states.service_state(context.title).is_stopped:
            applied.mark_applied(service, context)


def _stop(title: str) -> None:
    with hold(service_lock(title)):
        lifecycle.stop(title)


def _attempt_and_log(what: str, act: Callable[[], object]) -> list[str]:
    """Do it; returns what went wrong, which is logged at once."""
    failed = _attempt(what, act)
    _log_lines(failed)
    return failed


def _attempt(what: str, act: Callable[[], object]) -> list[str]:
    """Do it; returns what went wrong."""
    try:
        act()
    except Failure as error:
        details = error.problems if isinstance(error, Invalid) else ()
        text = str(error) if str(error).startswith(what) else f"{what}: {error}"
        return ["\n".join((text, *details, *([f"hint: {error.hint}"] if error.hint else [])))]
    except OSError as error:
        failure = from_system(error)
        return [f"{what}: {failure}" + (f"\nhint: {failure.hint}" if failure.hint else "")]
    except Exception as error:  # a bug that concerns one service ends no boot
        failure = log.internal_error("service", error)
        return [f"{what}: {failure}\nhint: {failure.hint}"]
    return []


def _log_lines(lines: Sequence[str]) -> None:
    for line in lines:
        log.line(line)
