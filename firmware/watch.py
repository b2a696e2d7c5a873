"""Watches directories for changes (inotify through pyinotify) in an asyncio loop.

It says only that something has changed: the caller looks again at the files themselves. So a queue that overflows, a
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
#: seconds of quiet that are waited for before `on_change` is called, and the most that a busy writer can put that off
QUIET_SECONDS, MAX_DELAY_SECONDS = 0.1, 0.5


class Watch:
    """Calls `on_change` in the running loop, soon after anything below `tops` has changed; once for a burst of changes."""

    def __init__(self, tops: Iterable[Path], on_change: Callable[[], None]) -> None:
        self._tops = [str(top) for top in tops]
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._manager = pyinotify.WatchManager()
        self._notifier = pyinotify.Notifier(self._manager, self._handle_event, read_freq=0, timeout=0)
        self._timer: asyncio.TimerHandle | None = None
        self._burst_began = 0.0
        self._new_directories = False
        self._watch_tree()
        self._loop.add_reader(self._manager.get_fd(), self._read_events)

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._manager.get_fd())
        if self._timer:
            self._timer.cancel()
        self._manager.close()

    def _watch_tree(self) -> None:
        # Watching a directory again only renews its watch, so the whole tree is simply walked again.
        self._manager.add_watch(self._tops, MASK, rec=True, quiet=True)
        self._new_directories = False

    def _read_events(self) -> None:
        self._notifier.read_events()
        self._notifier.process_events()

    def _handle_event(self, event: "pyinotify.Event") -> None:
        if event.mask & (pyinotify.IN_ISDIR | pyinotify.IN_Q_OVERFLOW):
            self._new_directories = True
        now = self._loop.time()
        if self._timer is None:
            self._burst_began = now
        elif now - self._burst_began < MAX_DELAY_SECONDS:
            self._timer.cancel()
        else:
            return
        self._timer = self._loop.call_later(QUIET_SECONDS, self._notify)

    def _notify(self) -> None:
        self._timer = None
        if self._new_directories:
            self._watch_tree()
        self._on_change()
