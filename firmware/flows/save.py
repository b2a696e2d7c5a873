"""Save what is below /etc, never in the middle of a push: what may still be undone is not made to last."""

from collections.abc import Iterator
from contextlib import contextmanager

from firmware.errors import Refused
from firmware.flows.recovery import SWAP, recover, refuse_waiting
from firmware.services import control
from firmware.store import generations
from firmware.store.generations import Save
from firmware.sync import transaction


def save(message: str, *, who: str) -> Save:
    """Make what runs a new generation on flash. Refused while a push waits to be confirmed here."""
    with settled():
        return generations.save(message, who=who)


@contextmanager
def settled() -> Iterator[None]:
    """Keep pushes out, for who deals with all of /etc; what an interrupted one left is seen to first. Refused while one
    waits to be confirmed."""
    recover()
    with control.lock(SWAP):
        refuse_waiting()
        if titles := transaction.titles():
            raise Refused(f"a push of {', '.join(titles)} was interrupted", "service csyncd restart sees to it")
        yield
