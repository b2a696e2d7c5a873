"""What a push leaves unsettled is seen to: at once where something went wrong with it, and where it waits to be confirmed,
when its time is over, whether csyncd runs then or has been stopped."""

import asyncio
import math
import sys

from firmware import log, run
from firmware.flows.recovery import recover
from firmware.sync import transaction

#: seconds until another attempt, where one failed
RETRY_INTERVAL = 2.0

_tasks: set[asyncio.Task[None]] = set()
#: the next one, and never more than that: a peer can have us look as often as it likes
_timers: list[asyncio.TimerHandle] = []


def schedule_recovery() -> None:
    """If a transaction is open, have it recovered in time. It does no harm to ask twice, nor if it is settled by then."""
    if titles := transaction.open_titles():
        found = transaction.find_waiting()
        left = found.seconds_left if found and titles == [found.title] else 0.0
        loop = asyncio.get_running_loop()
        when = loop.time() + left + 0.01
        if not _timers or when < _timers[0].when():
            _stop_waiting()
            _timers.append(loop.call_at(when, _begin))


def hand_over_recovery() -> None:
    """csyncd ends in good order: what it would have put back is put back by a process that stays behind."""
    found = transaction.find_waiting()
    if found is not None:
        seconds = str(math.ceil(found.seconds_left) + 1)
        run.leave("foreground { sleep $1 } $@", seconds, sys.executable, "-m", "firmware", "csyncd", "recover")


def _stop_waiting() -> None:
    while _timers:
        _timers.pop().cancel()


def _begin() -> None:
    _stop_waiting()
    task = asyncio.ensure_future(_recover())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _recover() -> None:
    try:
        for line in await asyncio.to_thread(recover):
            log.line(f"csyncd: {line}")
    except Exception as error:  # whatever it is, it is tried again
        log.line(f"csyncd: an open push could not be settled: {error}")
        await asyncio.sleep(RETRY_INTERVAL)
    schedule_recovery()
