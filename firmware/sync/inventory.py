"""What lies below /etc as csyncd knows it: the inventory. It is read whole once, and from then on where a hint says that
something was touched; what a hint cannot tell is read whole again.

It serves the colour of the pair, `csync status` and the notices between nodes. What a push or a save relies on is read anew
by those, always: a hint says what to look at, never what is there.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from firmware import manifest
from firmware.errors import Failure
from firmware.native import Progress
from firmware.patterns import PathPatterns
from firmware.rc.block import Block
from firmware.services import content
from firmware.services.definition import Service
from firmware.store import flash
from firmware.store.paths import ETC, NODE, Paths, relative_path
from firmware.sync.transaction import STAGING
from firmware.sync.unsaved import Unsaved
from firmware.watch import Hints, is_at_or_below

#: so many touched paths are read one by one; of more, all is
MOST_SINGLE = 300
#: what names accounts: with another one, owners may have other names
_ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf")
#: what nobody who compares looks at: pushes on their way in
_LEFT_OUT = PathPatterns((str(STAGING),))
EVERYTHING = Hints(doubt="nothing is remembered")

Lines = dict[str, bytes]


class Inventory:
    """`take_hints` says what was touched since it was asked last; without it, everything is read each time."""

    def __init__(self, take_hints: Callable[[], Hints] = lambda: EVERYTHING, paths: Paths = NODE) -> None:
        self._take_hints, self._paths = take_hints, paths
        self._lock = threading.Lock()
        self._open = EVERYTHING
        self._lines: Lines = {}
        self._problems: dict[str, OSError | Failure] = {}
        self._digests: dict[str, _Digest] = {}
        self._unsaved = Unsaved(paths)

    @contextmanager
    def current(self) -> Iterator["Inventory"]:
        """As things are at this moment, and stay until the end of the block; for one thread at a time."""
        with self._lock, flash.convert_os_errors(self._paths.etc):
            self._refresh()
            yield self

    def service_digest(self, service: Service, block: Block) -> str:
        """The same as the digest of `content.read`."""
        self._require_readable(service)
        known = self._digests.get(block.title)
        if known is None or known.block != (service.name, block.statements):
            lines = [self._lines[path] for path in self._owned_paths(service)]
            known = _Digest(service.owns, (service.name, block.statements), content.digest_of_lines(block, lines))
            self._digests[block.title] = known
        return known.digest

    @property
    def unsaved_paths(self) -> tuple[str, ...]:
        """The same as the paths of `changes.unsaved_changes`."""
        for path, problem in self._problems.items():
            if not self._unsaved.rules.ignores(path):
                raise problem.with_traceback(None)
        return self._unsaved.paths

    def saved_digest(self, title: str) -> str:
        """The digest of a service as it would come back from flash; "" if it would not."""
        return self._unsaved.digest(title)

    @property
    def save_problem(self) -> str:
        """Why a reboot does not bring back the newest generation; "" if it does."""
        return self._unsaved.problem

    def scrub(self, progress: Progress) -> tuple[str, ...]:
        """Read everything again while there is nothing else to do; the paths that were touched without a hint. ECANCELED if
        `progress` is told to end it."""
        etc, named = self._paths.etc, ETC
        found, _ = manifest.scan_lines(etc, named=named, leave_out=_LEFT_OUT, gently=progress)
        with self.current():
            suspects = [path for path in self._lines.keys() | found.keys() if self._lines.get(path) != found.get(path)]
            if len(suspects) > MOST_SINGLE:
                now = manifest.scan_lines(etc, named=named, leave_out=_LEFT_OUT)[0]
                read = {path: now.get(path) for path in self._lines.keys() | now.keys()}
            else:
                read = {path: self._read(path) for path in suspects}
            self._open |= self._take_hints()
            missed = {
                path: line
                for path, line in read.items()
                if line != self._lines.get(path) and not self._open.touch(path)
            }
            self._put(missed)
        return tuple(sorted(missed))

    def _refresh(self) -> None:
        """Whatever it cannot look at now stays open."""
        self._open = hints = self._open | self._take_hints()
        if hints.doubt or len(hints.paths) > MOST_SINGLE or not hints.paths.isdisjoint(_ACCOUNTS):
            self._read_tree(str(ETC))
        else:
            for tree in hints.trees:
                self._read_tree(tree)
            self._put({path: self._read(path) for path in (*hints.paths, *self._problems) if self._is_ours(path)})
        self._unsaved.refresh(self._lines, is_touched=hints.touch(str(self._paths.saved_state)))
        self._open = Hints()

    def _is_ours(self, path: str) -> bool:
        return path.startswith(f"{ETC}/") and not _LEFT_OUT.match(path)

    def _read(self, path: str) -> bytes | None:
        self._problems.pop(path, None)
        try:
            entry = manifest.entry_below(self._paths.etc, relative_path(path), path)
            return entry.line if entry else None
        except (OSError, Failure) as problem:
            self._problems[path] = problem
            return None

    def _read_tree(self, tree: str) -> None:
        """Everything below that path."""
        if tree != str(ETC) and not self._is_ours(tree):
            return
        manifest.forget_names()
        top = self._paths.etc if tree == str(ETC) else self._paths.in_etc(tree)
        found, problems = manifest.scan_lines(top, named=ETC.joinpath(tree), leave_out=_LEFT_OUT)
        gone = {path: None for path in self._lines if path.startswith(f"{tree}/") and path not in found}
        self._problems = {path: why for path, why in self._problems.items() if not path.startswith(f"{tree}/")}
        self._problems |= problems
        self._put({**found, **gone})

    def _put(self, read: dict[str, bytes | None]) -> None:
        """What was read of some paths; None where there is nothing."""
        changed = [path for path, line in read.items() if self._lines.get(path) != line]
        for path in changed:
            line = read[path]
            if line is None:
                self._lines.pop(path, None)
            else:
                self._lines[path] = self._unsaved.same_line(path, line)
        self._forget_digests(changed)
        self._unsaved.compare(changed, self._lines)

    def _forget_digests(self, changed: Iterable[str]) -> None:
        tops = {known.owns for known in self._digests.values()}
        if stale := {top for path in changed for top in tops if top and is_at_or_below(path, top)}:
            self._digests = {title: known for title, known in self._digests.items() if known.owns not in stale}

    def _require_readable(self, service: Service) -> None:
        """OSError or Failure if something in the service's directory could not be read."""
        follows = PathPatterns(service.follows)
        for path, problem in self._problems.items():
            if service.owns and path.startswith(f"{service.owns}/") and not follows.match(path):
                raise problem.with_traceback(None)

    def _owned_paths(self, service: Service) -> list[str]:
        if not service.owns:
            return []
        start, follows = f"{service.owns}/", PathPatterns(service.follows)
        found = [path for path in self._lines if path.startswith(start)]
        return sorted(path for path in found if not follows.match(path)) if service.follows else sorted(found)


@dataclass(frozen=True, slots=True)
class _Digest:
    """Of a service: the directory that it owns, what the block said, and the digest."""

    owns: str
    block: tuple[str, content.Statements]
    digest: str
