"""Work of csyncd that nobody waits for."""

import asyncio
from collections.abc import Awaitable

_tasks: set[asyncio.Task[None]] = set()


def start_task(work: Awaitable[None]) -> None:
    """Have it done soon, and held until it is: the loop itself holds no task."""
    task: asyncio.Task[None] = asyncio.ensure_future(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
