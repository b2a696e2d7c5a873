"""The logs of this node by the names that the web UI has for them, as text in which nothing is obeyed.

`system` is what syslogd keeps in /var/log/messages (or in memory), `events` the trail of what was done, `console` what the
kernel and the daemons say; any other name is a file of syslogd's own rules, such as `haproxy.log`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Failure, Usage
from firmware.operations.logs.kernel import KernelLog
from firmware.operations.logs.log_files import LogFiles, all_lines
from firmware.operations.trail import TrailEntry
from firmware.operations.trail import read as read_trail
from firmware.printable import escape, quote_word, shorten
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.run import run
from firmware.services.declared.syslogd import rules
from firmware.services.logs import LOGS
from firmware.store.confidential import hide_secrets
from firmware.sync import audit

SYSTEM, EVENTS, CONSOLE = "system", "events", "console"
_MESSAGES = "messages"
#: characters of a line that are shown, and of a filter
MOST_OF_LINE, MOST_OF_FILTER = 2000, 200

#: seconds between two looks at a log in memory: a program is run for it
_MEMORY_SECONDS = 2.0
#: s6-log's time stamp up to the milliseconds, and with the two blanks after it
_STAMP, _WHOLE_STAMP = 23, 31


@dataclass(frozen=True, slots=True)
class LogSource:
    """A log by its name, and what it is called for people."""

    name: str
    title: str


class LogReader:
    """One log as it grows; `read_new` gives what came since the last call, oldest first, and at first the end of what is
    there. Lines are printable; `secrets` says whether those in them are shown."""

    def __init__(self, source: str, *, filter: str = "", secrets: bool = False, top: Path = Path("/")) -> None:
        if len(filter) > MOST_OF_FILTER:
            raise Usage(f"the filter: more than {MOST_OF_FILTER} characters")
        self._filter, self._secrets = filter.casefold(), secrets
        self._kernel: KernelLog | None = None
        self._read = self._reader(source, top)

    def read_new(self, count: int) -> tuple[list[str], int]:
        """The last `count` of the new lines that the filter lets through, and how many more there were."""
        shown = (show_line(line, secrets=self._secrets) for line in self._read() if line)
        found = [line for line in shown if self._filter in line.casefold()]
        return found[-count:], max(0, len(found) - count)

    def close(self) -> None:
        """Read no more."""
        if self._kernel:
            self._kernel.close()

    def _reader(self, source: str, top: Path) -> Callable[[], list[str]]:
        if source == EVENTS:
            return _Unseen(lambda: [_event_line(entry) for entry in read_trail().entries], _trail_stamp).read_new
        if source == CONSOLE:
            self._kernel = KernelLog()
            return _Console(self._kernel, top / LOGS.relative_to("/")).read_new
        if source == SYSTEM and _is_in_memory():
            return _Unseen(_memory_lines, lambda: int(time.monotonic() / _MEMORY_SECONDS)).read_new
        files = LogFiles(_directory(source, top))
        return lambda: [line.decode("utf-8", "surrogateescape") for line in files.read_new()]


def list_sources() -> tuple[LogSource, ...]:
    """Every log that there is."""
    others = [rule.name for rule in _rules() if rule.name != _MESSAGES]
    return (
        LogSource(SYSTEM, "system"),
        LogSource(EVENTS, "events"),
        LogSource(CONSOLE, "console"),
        *(LogSource(name, name) for name in dict.fromkeys(others)),
    )


def require_source(source: str) -> None:
    """Usage if there is no log of that name."""
    if source not in (EVENTS, CONSOLE):
        _directory(source, Path("/"))


def last_lines(source: str, count: int, *, filter: str = "", secrets: bool = False) -> list[str]:
    """The last lines of a log that the filter lets through."""
    with closing(LogReader(source, filter=filter, secrets=secrets)) as reader:
        return reader.read_new(count)[0]


def whole_log(source: str, *, secrets: bool = False, top: Path = Path("/")) -> Iterator[str]:
    """Every line of a log, oldest first; of those that are made of several, the end."""
    if source in (EVENTS, CONSOLE) or (source == SYSTEM and _is_in_memory()):
        with closing(LogReader(source, secrets=secrets, top=top)) as reader:
            yield from reader.read_new(1 << 20)[0]
        return
    for line in all_lines(_directory(source, top)):
        yield show_line(line.decode("utf-8", "surrogateescape"), secrets=secrets)


def show_line(line: str, *, secrets: bool) -> str:
    """A line as anybody may see it."""
    shown = shorten(escape(line.rstrip("\r\n"), keep="\t"), MOST_OF_LINE)
    return shown if secrets else hide_secrets(shown)


class _Unseen:
    """New lines of what can only be read as a whole: those after the last ones that were seen. It is read again once `stamp`
    gives something else."""

    def __init__(self, read: Callable[[], list[str]], stamp: Callable[[], object]) -> None:
        self._read, self._stamp = read, stamp
        self._known: object = None
        self._last: list[str] = []

    def read_new(self) -> list[str]:
        stamp = self._stamp()
        if stamp == self._known:
            return []
        self._known, lines = stamp, self._read()
        known, self._last = self._last, lines[-3:]
        for end in range(len(lines), 0, -1):
            if known and lines[max(0, end - len(known)) : end] == known:
                return lines[end:]
        return lines


class _Console:
    """What the daemons say and the kernel, by the time at which they did."""

    def __init__(self, kernel: KernelLog, logs: Path) -> None:
        self._kernel, self._logs = kernel, logs
        self._files: dict[str, LogFiles] = {}

    def read_new(self) -> list[str]:
        found = [f"{_moment(when)}  kernel: {text}" for when, text in self._kernel.read_new()]
        for path in sorted(self._logs.glob("*")):
            files = self._files.setdefault(path.name, LogFiles(path))
            lines = (line.decode("utf-8", "surrogateescape") for line in files.read_new())
            found += [f"{line[:_STAMP]}  {path.name}: {line[_WHOLE_STAMP:]}" for line in lines]
        return sorted(found, key=lambda line: line[:_STAMP])


def _trail_stamp() -> object:
    """Something else whenever the trail has changed."""
    return [(path.name, path.stat().st_size) for path in sorted(audit.DIRECTORY.glob("*.log"))]


def _event_line(entry: TrailEntry) -> str:
    who, details = entry.who, entry.details
    about = [str(details.get("service", "")), details.get("to") and f"to {details['to']}", f"by {who.account}"]
    about += [who.origin and f"at {who.origin}", " ".join(map(str, _list(details.get("files"))))]
    about += [" ".join(str(details.get("message", "")).split())]
    return f"{_moment(entry.time)[:19]}  {entry.event}  {entry.result}  {' '.join(word for word in about if word)}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _moment(when: float) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when))}.{int(when % 1 * 1000):03d}"


def _directory(source: str, top: Path) -> Path:
    """Where the files of a log of syslogd lie; Usage if there is no such log."""
    names = {SYSTEM: _MESSAGES, **{rule.name: rule.name for rule in _rules()}}
    if source not in names:
        raise Usage(
            f"{quote_word(source)}: there is no such log", f"there are {', '.join([SYSTEM, EVENTS, CONSOLE, *names])}"
        )
    return top / f"var/log/{names[source]}.d"


def _rules() -> list[rules.Rule]:
    block = _syslogd_block()
    return rules.read_rules((block and block.value("config")) or rules.FILE)


def _is_in_memory() -> bool:
    """Is the log kept in memory?"""
    block = _syslogd_block()
    return block is not None and bool(block.value("buffer"))


def _syslogd_block() -> Block | None:
    """None, too, where config.rc cannot be read: that is when logs are looked at."""
    try:
        return document.read_tolerant().find_unique(Title("syslogd", ""))
    except Failure:
        return None


def _memory_lines() -> list[str]:
    return run(["busybox", "logread"], check=False).stdout.splitlines()
