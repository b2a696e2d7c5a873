"""A push that waits to be confirmed is put back when its time is over, whether csyncd runs then or has been stopped."""

import asyncio
import math
import sys

from firmware import run
from firmware.errors import Failure
from firmware.flows.recovery import recover
from firmware.sync import transaction

#: seconds until another attempt, where one failed
AGAIN = 5.0

_tasks: set[asyncio.Task[None]] = set()
#: never more than one, however often a peer has us look
_timers: list[asyncio.TimerHandle] = []


def revert_later() -> None:
    """If a push waits, have it put back in time. It does no harm to ask for that twice, nor if it is confirmed by then."""
    found = transaction.waiting()
    while _timers:
        _timers.pop().cancel()
    if found is not None:
        _timers.append(asyncio.get_running_loop().call_later(found.left + 0.01, _begin))


def leave_behind() -> None:
    """csyncd ends in good order: what it would have put back is put back by a process that stays behind."""
    found = transaction.waiting()
    if found is not None:
        run.leave(
            "foreground { sleep $1 } $@",
            str(math.ceil(found.left) + 1),
            sys.executable,
            "-m",
            "firmware",
            "csyncd",
            "recover",
        )


def _begin() -> None:
    task = asyncio.ensure_future(_revert())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _revert() -> None:
    try:
        for line in await asyncio.to_thread(recover):
            print(f"csyncd: {line}", file=sys.stderr, flush=True)
    except (Failure, OSError) as error:
        print(f"csyncd: what was not confirmed could not be put back: {error}", file=sys.stderr, flush=True)
        await asyncio.sleep(AGAIN)
    revert_later()
