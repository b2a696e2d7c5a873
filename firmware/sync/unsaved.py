"""What a reboot would bring back, and which paths differ from it: kept by csyncd, path by path."""

from collections.abc import Iterable, Mapping

from firmware.rc import document
from firmware.rc.document import Document
from firmware.rc.title import Title
from firmware.services import catalog, content
from firmware.store import rules, saved_state
from firmware.store.paths import Paths
from firmware.store.repository import Generation
from firmware.store.rules import Rules

Lines = Mapping[str, bytes]


class Unsaved:
    """`paths` are those that differ, sorted; quiet ones don't count. `problem` is why a reboot does not bring back the newest
    generation."""

    def __init__(self, paths: Paths) -> None:
        self._places = paths
        self.rules: Rules = rules.parse("")
        self._rules_line: bytes | None = None
        self.problem = ""
        self._generation: Generation | None = None
        self._identity: tuple[int, ...] = ()
        self._config = Document("", (), ())
        self._digests: dict[str, str] = {}
        self._saved: dict[str, bytes] = {}
        self._differing: set[str] = set()
        self._paths: tuple[str, ...] | None = None
        self._is_known = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Those that differ."""
        if self._paths is None:
            self._paths = tuple(sorted(self._differing))
        return self._paths

    def digest(self, title: str) -> str:
        """The digest of a service as it would come back from flash; "" if it would not."""
        if title not in self._digests:
            block, service = self._config.find(Title.parse(title)), catalog.find(Title.parse(title).service)
            self._digests[title] = ""
            if block is not None and service is not None:
                start = f"{service.owns}/"
                owned = sorted(path for path in self._saved if path.startswith(start)) if service.owns else []
                self._digests[title] = content.digest_of_lines(block, [self._saved[path] for path in owned])
        return self._digests[title]

    def same_line(self, path: str, line: bytes) -> bytes:
        """The line itself, or the saved one if it says the same: nothing lies in memory twice."""
        saved = self._saved.get(path)
        return saved if saved is not None and saved == line else line

    def refresh(self, lines: Lines, *, is_touched: bool) -> None:
        """Look whether something else is saved by now, which may be where its file `is_touched`, and whether the rules are
        the same."""
        is_same = (
            self._is_known and not is_touched and saved_state.is_trusted(self._generation, self._identity, self._places)
        )
        rules_line = lines.get(rules.FILE)
        if not is_same:
            self._load(lines)
        if not is_same or rules_line != self._rules_line:
            self.rules, self._rules_line = rules.load_tolerant(self._places), rules_line
            self._differing = set()
            self.compare(self._saved.keys() | lines.keys(), lines)

    def compare(self, changed: Iterable[str], lines: Lines) -> None:
        """These paths are other ones by now."""
        for path in changed:
            if self._saved.get(path) == lines.get(path) or not self._counts(path, lines):
                self._differing.discard(path)
            else:
                self._differing.add(path)
        self._paths = None

    def _counts(self, path: str, lines: Lines) -> bool:
        """Is a difference there one between what can be saved?"""
        if self.rules.ignores(path) or self.rules.is_quiet(path):
            return False
        return path in self._saved or not _is_unsavable(lines[path])

    def _load(self, lines: Lines) -> None:
        state = saved_state.load(self._places)
        self._generation, self._identity, self.problem = state.generation, state.identity, state.problem
        self._config, self._digests = document.parse_tolerant(state.config)[0], {}
        self._saved = {path: _same(lines.get(path), entry.line) for path, entry in state.entries.items()}
        self._is_known = True


def _same(one: bytes | None, other: bytes) -> bytes:
    return one if one is not None and one == other else other


def _is_unsavable(line: bytes) -> bool:
    """Is it of a socket, pipe or device? These have neither digest nor size."""
    return line.endswith(b" ") and line.rsplit(b" ", 6)[1] == b"other"
