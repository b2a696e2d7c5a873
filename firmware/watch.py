"""Notices changes below directories (inotify through pyinotify) and says so to an asyncio loop.

It tells only that something changed: whoever is told looks again at the files themselves. So a queue that overflows, a
directory that was created and filled before it could be watched, and a swap of two directories need no cases of their own.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pyinotify

MASK = (
    pyinotify.IN_CLOSE_WRITE | pyinotify.IN_ATTRIB | pyinotify.IN_CREATE | pyinotify.IN_DELETE
    | pyinotify.IN_MOVED_FROM | pyinotify.IN_MOVED_TO | pyinotify.IN_MODIFY | pyinotify.IN_ONLYDIR
)  # fmt: skip
#: seconds of quiet that are waited for before anybody is told, and the most that a busy writer can put that off
QUIET, PATIENCE = 0.1, 0.5


class Watch:
    """Calls `changed` in the running loop, soon after anything below `tops` changed; bursts are told once."""

    def __init__(self, tops: Iterable[Path], changed: Callable[[], None]) -> None:
        self._tops = [str(top) for top in tops]
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._manager = pyinotify.WatchManager()
        self._notifier = pyinotify.Notifier(self._manager, self._noticed, read_freq=0, timeout=0)
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._new_directories = False
        self._add()
        self._loop.add_reader(self._manager.get_fd(), self._readable)

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._manager.get_fd())
        if self._timer:
            self._timer.cancel()
        self._manager.close()

    def _add(self) -> None:
        # Watching a directory again only renews its watch, so the whole tree is simply walked again.
        self._manager.add_watch(self._tops, MASK, rec=True, quiet=True)
        self._new_directories = False

    def _readable(self) -> None:
        self._notifier.read_events()
        self._notifier.process_events()

    def _noticed(self, event: "pyinotify.Event") -> None:
        if event.mask & (pyinotify.IN_ISDIR | pyinotify.IN_Q_OVERFLOW):
            self._new_directories = True
        now = self._loop.time()
        if self._timer is None:
            self._since = now
        elif now - self._since < PATIENCE:
            self._timer.cancel()
        else:
            return
        self._timer = self._loop.call_later(QUIET, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._new_directories:
            self._add()
        self._changed()
