"""Whether the unit and its peer form a pair that works."""

import time

from firmware.errors import Failure
from firmware.operations import peer
from firmware.provision.answers import PairChecked
from firmware.provision.questions import CheckPair
from firmware.sync.audit import Who

#: seconds that two nodes have to find each other, and between two looks
PATIENCE, PAUSE = 60.0, 1.0


def check(question: CheckPair) -> PairChecked:
    """The state of the pair, once the nodes have found each other; a push before that, if one is wanted. Failure if that
    does not work."""
    found = _await_peer()
    pushed = ""
    if question.push and found.state != "red":
        report = peer.push(question.push, who=Who("provisioning", "ttyS1"))
        peer.require_applied(report)
        pushed, found = report.result, peer.status()
    elif question.push:
        raise Failure(f"the pair is red: {'; '.join(found.reasons)}: nothing was pushed", found.remedy)
    return PairChecked(found.state, tuple(reason[:200] for reason in found.reasons[:8]), pushed)


def _await_peer() -> peer.PairStatus:
    end = time.monotonic() + PATIENCE
    while (found := peer.status()).state == "red" and time.monotonic() < end:
        time.sleep(PAUSE)
    return found
