"""How services are, read from what their run scripts and s6 leave below /run/firmware; no program is started for it.

A daemon's run script notes its pid and when that process started, the finish script takes the note away. A pid is
believed only if the process that has it started then: whoever got it later is not taken for the daemon.
"""

from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Damaged, NewerFormat

SCAN = Path("/run/firmware/scan")

#: the field of /proc/PID/stat that says when a process started, counted after the name in parentheses
_STARTED = 19


@dataclass(frozen=True, slots=True)
class ServiceState:
    """`state` is running, stopped or failed (wanted, but not there). `since`: seconds since the epoch, 0 if unknown.

    `last_words` are what it said when it last ended against its will. `crashes` counts that since it was last started on
    purpose; it is counted for those who ask for details only.
    """

    state: str
    pid: int = 0
    since: float = 0.0
    last_words: str = ""
    crashes: int = 0

    @property
    def is_running(self) -> bool:
        """Is its process there, or has it been set up?"""
        return self.state == "running"

    @property
    def is_stopped(self) -> bool:
        """Is it down, and nobody wants it up?"""
        return self.state == "stopped"

    @property
    def has_failed(self) -> bool:
        """Is it wanted, and not there?"""
        return self.state == "failed"


def service_state(title: str, *, details: bool = False, scan: Path = SCAN) -> ServiceState:
    """How a service is. With `details`, also how often it crashed, and its last words."""
    directory = scan / title
    if not directory.is_dir():
        return _setup_state(title)
    if (directory / "failed").exists():
        words = _read_text(directory / "failed") or "there was no room to note why"
        return ServiceState("failed", since=_modified_at(directory / "failed"), last_words=words)
    if (directory / "down").exists():
        return ServiceState("stopped", since=_modified_at(directory / "down"))
    pid = daemon_pid(directory)
    found = ServiceState("running", pid, _modified_at(directory / "pid")) if pid else ServiceState("failed")
    return _with_details(title, directory, found) if details else found


def started_titles(*, scan: Path = SCAN) -> list[str]:
    """The services that were started at some time since the node booted, sorted."""
    from firmware.services import oneshot

    names = {path.name for path in scan.glob("*") if path.name[0] != "." and "~" not in path.name}  # ~log: a logger
    return sorted(names | set(oneshot.set_up_titles()))


def daemon_pid(directory: Path) -> int:
    """The pid of the daemon of a service directory; 0 if it does not run, whoever has its pid now."""
    pid, _, started = _read_text(directory / "pid").partition(" ")
    stat = _read_text(Path("/proc", pid, "stat")) if pid.isdigit() else ""
    fields = stat.rpartition(")")[2].split()
    return int(pid) if fields and fields[0] not in "ZX" and fields[_STARTED] == started.strip() else 0


def _with_details(title: str, directory: Path, found: ServiceState) -> ServiceState:
    from firmware.services import logs, s6

    crashes = s6.count_deaths(directory)
    last_words = logs.last_words(title) if crashes else "" if found.pid else "nothing supervises it"
    return ServiceState(found.state, found.pid, found.since, last_words, crashes)


def _setup_state(title: str) -> ServiceState:
    from firmware.services import oneshot

    try:
        found = oneshot.read_record(title)
    except (Damaged, NewerFormat) as error:
        return ServiceState("failed", last_words=f"{error} ({error.hint})")
    if found is None:
        return ServiceState("stopped")
    return ServiceState("failed" if found.problem else "running", since=found.since, last_words=found.problem)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
