"""Start, stop, apply and the like, one service at a time; boot and shutdown for all of them. The name of a service that has
instances stands for all of them (`network`).

Each sees first to what an interrupted push left of the service, and then holds its lock. Usage if there is no such service,
Failure if it is not in config.rc.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from firmware import log
from firmware.errors import Failure, Invalid, from_status
from firmware.locks import hold, service_lock
from firmware.operations import service_titles
from firmware.operations.service_list import find_context, missing_block, require_context, require_service
from firmware.services import applied, lifecycle, states
from firmware.services.definition import Outcome
from firmware.sync import transaction

T = TypeVar("T")


def block_notes(title: str) -> list[str]:
    """What its block says that does not do what its author expects, as FILE:LINE: …; none if the block is invalid."""
    from firmware.rc import check as rc_check

    service, context = require_service(title), find_context(title)
    if context is None or rc_check.block_problems(context.block, service, document=context.document):
        return []
    return rc_check.block_notes(context.block, context.document, service)


def start(title: str) -> list[str]:
    """Check its configuration and start it; nothing if it runs. Invalid if its configuration is. Returns what its checker
    warns of, as the functions below do."""
    return for_each(
        service_titles.startable_titles(title), lambda one: lifecycle.start(require_service(one), require_context(one))
    )


def stop(title: str) -> None:
    """Stop it; nothing if it does not run. It may be gone from config.rc already."""
    for_each(reversed(service_titles.known_titles(title)), lifecycle.stop)


def restart(title: str) -> list[str]:
    """Check its configuration, then stop and start it."""
    return for_each(
        service_titles.startable_titles(title),
        lambda one: lifecycle.restart(require_service(one), require_context(one)),
    )


def reload(title: str) -> list[Outcome]:
    """Have it load its configuration; the outcomes say how that went."""
    titles = service_titles.running_titles(title)
    return for_each(titles, lambda one: lifecycle.reload(require_service(one), require_context(one)))


def check(title: str) -> list[str]:
    """Check its configuration as it lies on disk; Invalid with every problem if it is."""
    return for_each(
        service_titles.startable_titles(title),
        lambda one: lifecycle.require_valid(require_service(one), require_context(one)),
    )


def apply(title: str) -> list[str]:
    """Make its configuration count: checked, and loaded if it runs. What has left config.rc is stopped."""
    return for_each(service_titles.known_titles(title), _apply)


def revert(title: str) -> None:
    """Put back the configuration that was applied last."""
    for_each(service_titles.known_titles(title), lambda one: lifecycle.revert(require_service(one), one))


def for_each(titles: Iterable[str], act: Callable[[str], T]) -> list[T]:
    """Do it with each, whatever becomes of the others, and raise what went wrong, the worst of it if several did. Returns what
    came of each."""
    done: list[T] = []
    errors: list[Failure] = []
    for title in titles:
        try:
            with _exclusively(title):
                done.append(act(title))
        except Failure as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        problems = [problem for error in errors if isinstance(error, Invalid) for problem in error.problems]
        worst = max(errors, key=lambda error: error.status)
        raise from_status(worst.status, "; ".join(map(str, errors)), worst.hint, problems)
    return done


def _apply(title: str) -> str:
    from firmware.services import confirmation

    confirmation.refuse_while_waiting(title.partition(".")[0])
    return load(title)


def load(title: str) -> str:
    """Make its configuration count, though it waits to be confirmed. The caller holds its lock. Returns what its checker warns
    of."""
    service, context = require_service(title), find_context(title)
    if context is not None:
        return lifecycle.apply(service, context)
    if not applied.digest(title) and states.service_state(title).is_stopped:
        raise missing_block(title)
    lifecycle.dismiss(title)
    return ""


def boot() -> tuple[str, ...]:
    """Restore what is saved, then start whatever has no `no autostart`; returns what went wrong, the rest was done."""
    from firmware.flows import boot as flow

    return tuple(flow.boot())


def shutdown() -> tuple[str, ...]:
    """Stop every service, the last one first; returns what went wrong, the rest was done."""
    from firmware.flows import boot as flow

    return tuple(flow.shutdown())


@contextmanager
def _exclusively(title: str) -> Iterator[None]:
    """Nobody else is at work on the service meanwhile. What an interrupted push left of it is seen to before."""
    require_service(title)
    if transaction.is_open(title):
        from firmware.flows.recovery import recover

        for line in recover(title):
            log.line(line)
    with hold(service_lock(title)):
        yield
