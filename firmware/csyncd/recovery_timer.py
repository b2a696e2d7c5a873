"""When csyncd recovers open transactions: at once where something went wrong with a push, and where one waits to be
confirmed, when its time is over.

That does not depend on csyncd: for as long as a push waits, there is also one process, the sleeper, that puts it back when
its time is over, even if csyncd is stopped, or stuck, by then.
"""

import asyncio
import sys
from pathlib import Path

from firmware import log, sleeper
from firmware.errors import Failure
from firmware.flows.recovery import recover, recoverable_transactions
from firmware.sync import transaction

#: seconds until another attempt, where one failed
RETRY_INTERVAL = 2.0

#: the push for which the sleeper sleeps, its pid, and when it started
SLEEPER = Path("/run/firmware/csyncd/sleeper")

_tasks: set[asyncio.Task[None]] = set()
#: the next one, and never more than that: a peer can have us look as often as it likes
_timers: list[asyncio.TimerHandle] = []


def schedule_recovery() -> None:
    """If a transaction is open, have it recovered in time. It does no harm to ask twice, nor if it is closed by then."""
    keep_one_sleeper()
    if pending := recoverable_transactions():
        left = min(one.seconds_left for one in pending)
        loop = asyncio.get_running_loop()
        when = loop.time() + left + 0.01
        if not _timers or when < _timers[0].when():
            _cancel_timers()
            _timers.append(loop.call_at(when, _start_recovery))


def keep_one_sleeper() -> None:
    """See to it that the push that waits has a sleeper, and that there is none besides: each is a process for an hour."""
    try:
        _replace_sleeper()
    except (Failure, OSError) as error:
        log.line(f"csyncd: what waits to be confirmed is put back by csyncd alone: {error}")


def _replace_sleeper() -> None:
    waiting = transaction.find_waiting()
    if waiting is None:
        sleeper.end(SLEEPER)
    else:
        seconds = waiting.seconds_left + 1
        sleeper.keep_one(SLEEPER, waiting.push, seconds, sys.executable, "-m", "firmware", "csyncd", "recover")


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
