"""The node as a whole: restarting it."""

from firmware.run import run
from firmware.sync import audit
from firmware.sync.audit import Who


def reboot(*, who: Who) -> None:
    """Have the node stop its services and start again. What is not saved is gone then."""
    audit.note("reboot", who=who, result="done")
    run(["reboot"])
