"""The scrub: in idle time all of /etc is read again, and what had changed without a hint is said in the log and in the trail."""

import asyncio

from firmware import log
from firmware.csyncd import heap
from firmware.csyncd.pair import Pair
from firmware.errors import Failure
from firmware.native import Progress
from firmware.printable import escape
from firmware.sync import audit

#: seconds between two scrubs, and until it is tried again where csyncd is at work
INTERVAL, RETRY_INTERVAL = 3600.0, 60.0
#: paths that the log names
MOST_NAMED = 6


async def keep_scrubbing(pair: Pair) -> None:
    """Scrub again and again, until cancelled."""
    while True:
        await asyncio.sleep(INTERVAL)
        while pair.is_busy:
            await asyncio.sleep(RETRY_INTERVAL)
        try:
            await scrub(pair)
        except (Failure, OSError) as error:
            log.line(f"csyncd: what lies below /etc could not be read again: {error}")


async def scrub(pair: Pair) -> tuple[str, ...]:
    """Scrub now. Returns the paths that had changed without a hint; the peer is told of them, too."""
    progress = Progress()
    try:
        missed = await asyncio.to_thread(pair.inventory.scrub, progress)
    except asyncio.CancelledError:
        progress.cancel()  # csyncd ends, and would wait for its thread
        raise
    if missed:
        more = f" and {len(missed) - MOST_NAMED} more" if len(missed) > MOST_NAMED else ""
        log.line(f"csyncd: changed without a notice of the kernel: {', '.join(map(escape, missed[:MOST_NAMED]))}{more}")
        audit.note("scrub", who=audit.THIS_NODE, result="found", paths=list(missed))
        await pair.tell_peer()
    heap.trim_when_idle()
    return missed
