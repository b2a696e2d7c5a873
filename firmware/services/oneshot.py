"""Services without a process (system, network): they run once their commands have. What undoes them is noted first.

/run/firmware/setup/TITLE.json holds the commands that will undo them, and what went wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware import log
from firmware.errors import Damaged, Failure
from firmware.services import catalog
from firmware.services.definition import Argv, Context, Service

SETUP = Path("/run/firmware/setup")
#: of the record
FORMAT = 1


@dataclass(frozen=True, slots=True)
class SetupRecord:
    """What was set up: since when (seconds since the epoch), what went wrong ("" if nothing did), what will undo it."""

    since: float
    problem: str
    undo: list[Argv]


def set_up_titles(*, top: Path = SETUP) -> list[str]:
    """The services that are set up now."""
    return sorted(path.name.removesuffix(".json") for path in top.glob("*.json"))


def read_record(title: str, *, top: Path = SETUP) -> SetupRecord | None:
    """What was set up for a service; None if nothing was. Damaged if the record is not what was written."""
    from firmware import records

    path = top / f"{title}.json"
    try:
        data, since = path.read_bytes(), path.stat().st_mtime
    except FileNotFoundError:
        return None
    hint = f"service {title} start notes it anew; to stop it, undo by hand what it has set up, then: rm {path}"
    body = records.load(data, FORMAT, str(path), hint=hint)
    with records.interpreting(str(path), hint):
        undo = [list(map(str, argv)) for argv in records.typed_value(body, "undo", list)]
        return SetupRecord(since, records.typed_value(body, "problem", str), undo)


def prepare_daemon(service: Service, context: Context) -> None:
    """Run the commands that come before a daemon's start and its check; they may be run again and again. Each builds on
    the one before it: Failure with what the first that failed said."""
    if service.daemon is None or service.setup is None:
        return
    for argv in service.setup(context):
        if problem := _run_command(argv):
            raise Failure(f"service {context.title}: not prepared: {problem}")


def set_up(service: Service, context: Context, *, top: Path = SETUP) -> None:
    """Run its commands, and undo what an earlier block set up and this one does not.

    All commands are run even if some fail, and nothing that worked is taken back: an appliance with one bad route must
    stay within reach. Failure with all that went wrong.
    """
    act = _set_up_by_commands if service.reconcile is None else _reconcile
    if problem := act(service, context, top):
        raise Failure(f"service {context.title}: not all of it is set up: {problem}")


def _reconcile(service: Service, context: Context, top: Path) -> str:
    assert service.reconcile is not None
    _write_record(context.title, top, "interrupted", [])
    problem = service.reconcile(context)
    _write_record(context.title, top, problem, [])
    return problem


def _set_up_by_commands(service: Service, context: Context, top: Path) -> str:
    before = _read_earlier(context.title, top)
    undo = service.teardown(context) if service.teardown else []
    old = before.undo if before else []
    _write_record(context.title, top, "interrupted", [*undo, *(argv for argv in old if argv not in undo)])
    problem = _run_all(service.setup(context) if service.setup else [])
    _run_all([argv for argv in old if argv not in undo])
    _write_record(context.title, top, problem, undo)
    return problem


def note_outcome(title: str, problem: str, *, top: Path = SETUP) -> None:
    """What has been set up is not as it was: "" if it is all there now, or else what is wrong."""
    _write_record(title, top, problem, [])


def mark_failed(title: str, problem: str, *, top: Path = SETUP) -> None:
    """Keep why it was not set up at all, for who asks. Nothing of it was set up before."""
    _write_record(title, top, problem, [])


def tear_down(title: str, *, top: Path = SETUP) -> None:
    """Undo what was set up, nothing else; what is gone already is no error."""
    service = catalog.find(title.partition(".")[0])
    try:
        done = read_record(title, top=top)
    except Damaged:
        if service is None or service.take_down is None:
            raise
        done = SetupRecord(0.0, "", [])  # it finds by itself what there is
    if done is not None:
        if service is not None and service.take_down is not None:
            service.take_down(title)
        _run_all(done.undo)
        (top / f"{title}.json").unlink(missing_ok=True)


def _read_earlier(title: str, top: Path) -> SetupRecord | None:
    """What was set up before. A record that is damaged is begun anew: what it would have undone stays until a reboot."""
    try:
        return read_record(title, top=top)
    except Damaged as error:
        log.line(f"{error}; it is begun anew, and what earlier lines of the block had set up stays until a reboot")
        return None


def _write_record(title: str, top: Path, problem: str, undo: list[Argv]) -> None:
    from firmware import files, records

    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(top / f"{title}.json", records.dump({"problem": problem, "undo": undo}, FORMAT), mode=0o600)


def _run_all(commands: Sequence[Argv]) -> str:
    """Run each; returns what those that failed said."""
    return "\n".join(problem for argv in commands if (problem := _run_command(argv)))


def _run_command(argv: Argv) -> str:
    """Run it; returns what it said if it failed. What is there already is as wanted, and a command after the word `-` may
    fail."""
    from firmware.run import run

    may_fail = argv[0] == "-"
    try:
        done = run(argv[may_fail:], check=False)
    except Failure as error:
        return str(error)
    if not done.status or may_fail or "File exists" in done.output:
        return ""
    return f"{' '.join(argv)}: {done.output or f'exit status {done.status}'}"
