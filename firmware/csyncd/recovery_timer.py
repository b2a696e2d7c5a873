"""When csyncd recovers open transactions: at once where something went wrong with a push, and where one waits to be
confirmed, when its time is over, whether csyncd runs then or has been stopped."""

import asyncio
import math
import sys

from firmware import log, run
from firmware.flows.recovery import recover, recoverable_transactions
from firmware.sync import transaction

#: seconds until another attempt, where one failed
RETRY_INTERVAL = 2.0

_tasks: set[asyncio.Task[None]] = set()
#: the next one, and never more than that: a peer can have us look as often as it likes
_timers: list[asyncio.TimerHandle] = []


def schedule_recovery() -> None:
    """If a transaction is open, have it recovered in time. It does no harm to ask twice, nor if it is closed by then."""
    if pending := recoverable_transactions():
        left = min(one.seconds_left for one in pending)
        loop = asyncio.get_running_loop()
        when = loop.time() + left + 0.01
        if not _timers or when < _timers[0].when():
            _cancel_timers()
            _timers.append(loop.call_at(when, _start_recovery))


def hand_over_recovery() -> None:
    """csyncd ends in good order: what it would have put back is put back by a process that stays behind."""
    waiting = transaction.find_waiting()
    if waiting is not None:
        seconds = str(math.ceil(waiting.seconds_left) + 1)
        run.start_detached("foreground { sleep $1 } $@", seconds, sys.executable, "-m", "firmware", "csyncd", "recover")


def _cancel_timers() -> None:
    while _timers:
        _timers.pop().cancel()


def _start_recovery() -> None:
    _cancel_timers()
    task = asyncio.ensure_future(_recover())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _recover() -> None:
    try:
        for line in await asyncio.to_thread(recover):
            log.line(f"csyncd: {line}")
    except Exception as error:  # whatever it is, it is tried again
        log.line(f"csyncd: an open push could not be recovered: {error}")
        await asyncio.sleep(RETRY_INTERVAL)
    schedule_recovery()
