"""Save what is below /etc, never in the middle of a push: what may still be undone is not made to last."""

from firmware.errors import Refused
from firmware.flows.receive import SWAP
from firmware.services import control
from firmware.store import generations
from firmware.store.generations import Save
from firmware.sync import staging


def save(message: str, *, who: str) -> Save:
    """Make what runs a new generation on flash. Refused while an interrupted push is not undone yet."""
    with control.lock(SWAP):
        if titles := staging.interrupted():
            raise Refused(f"a push of {', '.join(titles)} was interrupted", "service csyncd restart undoes it")
        return generations.save(message, who=who)
