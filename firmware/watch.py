"""Watches directories for changes (inotify through pyinotify) in an asyncio loop, and says which paths were touched.

What it says are hints of what to look at again, never what became of it. Where it cannot know, it says so: a queue that
overflowed, a directory that was made, moved or removed with all below it, one that could not be watched.
"""

import asyncio
import os
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyinotify

from firmware import directory
from firmware.patterns import PathPatterns

MASK = (
    pyinotify.IN_CLOSE_WRITE | pyinotify.IN_ATTRIB | pyinotify.IN_CREATE | pyinotify.IN_DELETE
    | pyinotify.IN_MOVED_FROM | pyinotify.IN_MOVED_TO | pyinotify.IN_MODIFY | pyinotify.IN_ONLYDIR
    | pyinotify.IN_DELETE_SELF | pyinotify.IN_MOVE_SELF
)  # fmt: skip
#: what says that a whole directory came or went, and not only that something about it changed
_APPEARANCE = pyinotify.IN_CREATE | pyinotify.IN_DELETE | pyinotify.IN_MOVED_FROM | pyinotify.IN_MOVED_TO
#: what is said of a watched directory itself: of one below another its parent's watch says the same
_SELF = pyinotify.IN_DELETE_SELF | pyinotify.IN_MOVE_SELF | pyinotify.IN_UNMOUNT
#: an event: the watch, what happened, a cookie, and how many bytes of a name follow; see inotify(7)
_EVENT = struct.Struct("iIII")
_READ_SIZE = 1 << 16
_NO_PATTERNS = PathPatterns()
#: seconds of quiet that are waited for before `on_change` is called, and the most that a busy writer can put that off
QUIET_SECONDS, MAX_DELAY_SECONDS = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Hints:
    """What was touched: single paths, and directories below which anything may have been. `doubt` says why everything may
    have been ("" otherwise)."""

    paths: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()
    doubt: str = ""

    def __or__(self, other: "Hints") -> "Hints":
        return Hints(self.paths | other.paths, self.trees | other.trees, self.doubt or other.doubt)

    def touch(self, path: str) -> bool:
        """May something have been done to that path?"""
        return bool(self.doubt) or path in self.paths or any(is_at_or_below(path, tree) for tree in self.trees)


def is_at_or_below(path: str, top: str) -> bool:
    """Is it that directory, or below it?"""
    return path.startswith(top) and path[len(top) : len(top) + 1] in ("", "/")


class Watch:
    """Calls `on_change` in the running loop, soon after anything below `tops`, or in one of `flat`, has changed; once for a
    burst of changes. Directories that `leave_out` matches are not looked into, and those in `flat` no deeper."""

    def __init__(
        self,
        tops: Iterable[Path],
        on_change: Callable[[], None],
        *,
        flat: Iterable[Path] = (),
        leave_out: PathPatterns = _NO_PATTERNS,
    ) -> None:
        self._tops, self._flat, self._leave_out = [*map(str, tops)], [*map(str, flat)], leave_out
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._inotify = pyinotify.INotifyWrapper.create()
        self._handle = self._inotify.inotify_init()
        os.set_blocking(self._handle, False)
        os.set_inheritable(self._handle, False)
        self._lock = threading.Lock()
        self._paths: dict[int, str] = {}
        self._touched, self._doubtful = set[str](), set[str]()
        self._doubt, self._unwatched = "nothing has been read yet", ""
        self._timer: asyncio.TimerHandle | None = None
        self._burst_began = 0.0
        self._is_closed = False
        for top in (*self._tops, *self._flat):
            self._watch_tree(top)
        self._loop.add_reader(self._handle, self._read_in_loop)

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            self._is_closed = True
            self._loop.remove_reader(self._handle)
            if self._timer:
                self._timer.cancel()
            os.close(self._handle)

    def take_hints(self) -> Hints:
        """What was touched since the last call of this, up to this moment. Directories that are new are watched by then, so
        what is read from now on is current until the next hint. From any thread."""
        with self._lock:
            if self._unwatched:
                self._unwatched = ""
                for top in (*self._tops, *self._flat):
                    self._watch_anew(top)
            if not self._is_closed and self._read_events():
                self._loop.call_soon_threadsafe(self._schedule_notice)
            hints = Hints(frozenset(self._touched), frozenset(self._doubtful), self._doubt or self._unwatched)
            self._touched, self._doubtful, self._doubt = set(), set(), ""
            return hints

    def _watch_tree(self, top: str) -> None:
        """Watch a directory and all below it. Until it is watched, something may come into a directory that has been looked
        through already: so it is walked again until there is nothing new."""
        while self._watch_once(top):
            pass

    def _watch_once(self, top: str) -> bool:
        """Whether there was a directory that was not watched before."""
        before = len(self._paths)
        try:
            with directory.descriptor(Path(top)) as handle:
                device = os.fstat(handle).st_dev
                for path, place, _ in directory.walk(handle, lambda path: self._is_left_out(top, path)):
                    if os.fstat(place).st_dev == device:
                        self._add(f"/proc/self/fd/{place}", f"{top}/{path}" if path else top)
        except (FileNotFoundError, NotADirectoryError):
            if top in self._tops or top in self._flat:
                self._unwatched = f"{top} is not there"
        except OSError as error:
            self._unwatched = f"{top}: {error.strerror}"
        return len(self._paths) > before

    def _is_left_out(self, top: str, path: str) -> bool:
        return top in self._flat or self._leave_out.match(f"{top}/{path}")

    def _add(self, place: str, path: str) -> None:
        number = self._inotify.inotify_add_watch(self._handle, place, MASK)
        if number >= 0:
            self._paths[number] = path
        else:
            self._unwatched = f"{path}: it cannot be watched: {os.strerror(self._inotify.get_errno() or 0)}"

    def _read_in_loop(self) -> None:
        with self._lock:
            is_something = self._read_events()
        if is_something:
            self._schedule_notice()

    def _read_events(self) -> bool:
        """Note what the kernel has to say; whether that was anything."""
        moved, is_something = set[str](), False
        while True:
            try:
                data = os.read(self._handle, _READ_SIZE)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                number, mask, _, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size + size
                is_something |= self._note_event(number, mask, data[at - size : at].rstrip(b"\0"), moved)
        for path in moved:
            self._watch_anew(path)
        return is_something

    def _note_event(self, number: int, mask: int, name: bytes, moved: set[str]) -> bool:
        """Whether it says that something was touched. Directories that came or went are added to `moved`."""
        if mask & pyinotify.IN_Q_OVERFLOW:
            self._doubt = "more happened at once than the kernel could note"
            moved.update(self._tops)
            return True
        place = self._paths.get(number)
        if mask & pyinotify.IN_IGNORED:
            self._paths.pop(number, None)
        if place is None or mask & pyinotify.IN_IGNORED:
            return False
        if mask & _SELF:
            if is_top := place in self._tops or place in self._flat:
                self._doubt = f"{place} came or went"
                moved.add(place)
            return is_top
        path = f"{place}/{os.fsdecode(name)}" if name else place
        if mask & pyinotify.IN_ISDIR and mask & _APPEARANCE:
            self._doubtful.add(path)
            if place not in self._flat:
                moved.add(path)
        self._touched.add(path)
        return True

    def _watch_anew(self, top: str) -> None:
        """What was watched below that path may be elsewhere by now, and other directories there."""
        for number in [number for number, path in self._paths.items() if is_at_or_below(path, top)]:
            self._inotify.inotify_rm_watch(self._handle, number)
            del self._paths[number]
        if not self._leave_out.match(top):
            self._watch_tree(top)

    def _schedule_notice(self) -> None:
        if self._is_closed:
            return
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
        self._on_change()
