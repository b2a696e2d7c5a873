"""Start, stop, apply and the like, one service at a time; boot and shutdown for all of them.

Each sees first to what an interrupted push left of the service, and then holds its lock. Usage if there is no such service,
Failure if it is not in config.rc.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from firmware import log
from firmware.locks import hold, service_lock
from firmware.operations.service_list import find_context, missing_block, require_context, require_service
from firmware.services import applied, lifecycle, states
from firmware.services.definition import Outcome
from firmware.sync import transaction


def start(title: str) -> None:
    """Check its configuration and start it; nothing if it runs. Invalid if its configuration is."""
    with _exclusively(title):
        lifecycle.start(require_service(title), require_context(title))


def stop(title: str) -> None:
    """Stop it; nothing if it does not run. It may be gone from config.rc already."""
    with _exclusively(title):
        lifecycle.stop(title)


def restart(title: str) -> None:
    """Check its configuration, then stop and start it."""
    with _exclusively(title):
        lifecycle.restart(require_service(title), require_context(title))


def reload(title: str) -> Outcome:
    """Have it load its configuration; the outcome says how that went."""
    with _exclusively(title):
        done: Outcome = lifecycle.reload(require_service(title), require_context(title))
    return done


def check(title: str) -> None:
    """Check its configuration as it lies on disk; Invalid with every problem if it is."""
    with _exclusively(title):
        lifecycle.require_valid(require_service(title), require_context(title))


def apply(title: str) -> None:
    """Make its configuration count: checked, and loaded if it runs. What has left config.rc is stopped."""
    with _exclusively(title):
        service, context = require_service(title), find_context(title)
        if context is not None:
            lifecycle.apply(service, context)
        elif applied.digest(title) or not states.service_state(title).is_stopped:
            lifecycle.dismiss(title)
        else:
            raise missing_block(title)


def revert(title: str) -> None:
    """Put back the configuration that was applied last."""
    with _exclusively(title):
        lifecycle.revert(require_service(title), title)


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
