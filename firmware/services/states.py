"""How services are, read from what their run scripts and s6 leave below /run/firmware; no program is started for it.

A daemon's run script notes its pid and when that process started, the finish script takes the note away. A pid is
believed only if the process that has it started then: whoever got it later is not taken for the daemon.
"""

from dataclasses import dataclass
from pathlib import Path

SCAN = Path("/run/firmware/scan")

#: the field of /proc/PID/stat that says when a process started, counted after the name in parentheses
_STARTED = 19


@dataclass(frozen=True, slots=True)
class State:
    """`state` is running, stopped or failed (wanted, but not there). `since`: seconds since the epoch, 0 if unknown.

    `words` are what it said when it last ended against its will. `crashes` counts that since it was last started on
    purpose; it is counted for those who ask for details only.
    """

    state: str
    pid: int = 0
    since: float = 0.0
    words: str = ""
    crashes: int = 0


def state(title: str, *, details: bool = False, scan: Path = SCAN) -> State:
    """How a service is. With `details`, also how often it crashed, and its last words."""
    place = scan / title
    if not place.is_dir():
        return _of_setup(title)
    if failed := _text(place / "failed"):
        return State("failed", since=_time(place / "failed"), words=failed)
    if (place / "down").exists():
        return State("stopped", since=_time(place / "down"))
    pid = daemon(place)
    found = State("running", pid, _time(place / "pid")) if pid else State("failed")
    return _detailed(title, place, found) if details else found


def titles(*, scan: Path = SCAN) -> list[str]:
    """The services that were started at some time since the node booted, sorted."""
    from firmware.services import setup

    places = {path.name for path in scan.glob("*") if path.name[0] != "." and "~" not in path.name}  # ~log: a logger
    return sorted(places | set(setup.titles()))


def daemon(place: Path) -> int:
    """The pid of the daemon of a service directory; 0 if it does not run, whoever has its pid now."""
    pid, _, started = _text(place / "pid").partition(" ")
    stat = _text(Path("/proc", pid, "stat")) if pid.isdigit() else ""
    fields = stat.rpartition(")")[2].split()
    return int(pid) if fields and fields[0] not in "ZX" and fields[_STARTED] == started.strip() else 0


def _detailed(title: str, place: Path, found: State) -> State:
    from firmware.services import logs, s6

    crashes = s6.deaths(place)
    words = logs.last_words(title) if crashes else "" if found.pid else "nothing supervises it"
    return State(found.state, found.pid, found.since, words, crashes)


def _of_setup(title: str) -> State:
    from firmware.services import setup

    found = setup.state(title)
    if found is None:
        return State("stopped")
    return State("failed" if found.words else "running", since=found.since, words=found.words)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
