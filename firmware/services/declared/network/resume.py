"""Setting a block up once more because something has come or gone: an interface, a lease. It is the block that was set up last,
whatever config.rc says by now.
"""

import sys

from firmware.locks import hold, service_lock
from firmware.services import applied, oneshot
from firmware.services.declared.network import reconcile, record


def resume(title: str) -> None:
    """Set up again what was set up for that title, if it still is, and note how that went."""
    with hold(service_lock(title)):
        ours = record.read(title)
        if ours is None or not ours.block:
            return
        block = record.block(ours)
        problem = reconcile.set_up(block)
        oneshot.note_outcome(title, problem)
        if not problem:
            applied.promote_snapshot_of(block)


if __name__ == "__main__":
    resume(sys.argv[1])
