"""What this node does with its peer: `csync push`, `diff`, `confirm`, `save` and `status`, asked of this node's csyncd; and
`csync undo`, which works without it.

What csyncd answers is kept whole beside the fields that are read here, for `--json` prints it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from firmware import identity
from firmware.errors import Failure, Invalid, Refused, Usage, full_text, outcome
from firmware.operations.csyncd_client import ask_csyncd
from firmware.records import interpreting
from firmware.services.definition import Outcome
from firmware.sync.audit import Who

if TYPE_CHECKING:
    from firmware.flows.recovery import UndonePush

#: has csyncd tell how far it is, so that it is known to be still at it, whoever looks
_STILL_AT_IT = {"progress": True}
#: called where the answer takes long
OnWait = Callable[[], None]
#: called with how far a push is: {bytes, bytes_total, files, files_total, phase}
OnProgress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that a push changes: added, changed or removed; `diff` is None where nothing may be shown. Entries have digest,
    mode, owner and size, and are None where there is no such path."""

    change: str
    path: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    diff: str | None


@dataclass(frozen=True, slots=True)
class PushReport:
    """What came of a push, or what would: `result` is applied, unchanged, differs, refused, rolled-back or failed.

    `confirm` are the seconds within which it has to be confirmed (0: it has not to be), `seconds` is how long it took.
    `more` is how many paths it changes that `files` does not list. `warnings` has what the checkers of both nodes warn of, by
    the numbers of the nodes.
    """

    service: str
    node: int | None
    result: str
    message: str
    hint: str
    files: tuple[FileChange, ...]
    check: Outcome | None
    reload: Outcome | None
    confirm: int
    round_trips: int
    seconds: float
    warnings: Mapping[str, Sequence[str]]
    more: int
    answer: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """What `csync push --json` and `csync diff --json` print."""
        return dict(self.answer)


@dataclass(frozen=True, slots=True)
class ConfirmedPush:
    """A push of `service` that is kept on node `node`."""

    service: str
    node: int
    answer: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """What `csync confirm --json` prints."""
        return dict(self.answer)


@dataclass(frozen=True, slots=True)
class PeerSave:
    """What the peer saved: the generation, and the paths in it that were not saved before. Not `fresh`: it had all of it."""

    node: int
    generation: int
    digest: str
    fresh: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    notes: tuple[str, ...]
    answer: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """What `csync save --json` prints."""
        return dict(self.answer)


@dataclass(frozen=True, slots=True)
class PairStatus:
    """red, orange or green, and why; both nodes and their services as `csync status --json` has them. `path` says whether
    csyncd's packets go through a WireGuard tunnel, "" on a node that has none; `serial` is the number on this unit's label, ""
    without one."""

    state: str
    reasons: tuple[str, ...]
    remedy: str
    local: Mapping[str, Any]
    peer: Mapping[str, Any]
    path: str
    services: Mapping[str, Mapping[str, Any]]
    serial: str = ""

    def json(self) -> dict[str, Any]:
        """What `csync status --json` prints."""
        return {**asdict(self), "reasons": list(self.reasons)}


def push(
    title: str,
    *,
    who: Who,
    force: bool = False,
    confirm: int = 0,
    on_wait: OnWait | None = None,
    on_progress: OnProgress | None = None,
) -> PushReport:
    """Push a service; the report says how it ended, see `require_applied`. Failure if it was not even sent.

    With `force`, what was shown of the peer's state last may be overwritten. `confirm`: the seconds after which the peer
    puts everything back, unless the push is confirmed.
    """
    wish = {"service": title, "force": force, "confirm": confirm, "by": asdict(who), **_STILL_AT_IT}
    return _push_report(ask_csyncd("push", wish, on_wait, on_progress))


def parse_confirm_seconds(word: str) -> int:
    """Within how many seconds a push has to be confirmed; Usage if it is no number, or too small or too large."""
    from firmware.sync.proposal import CONFIRM_SECONDS

    low, high = CONFIRM_SECONDS
    if not (word.isascii() and word.isdigit() and low <= int(word[:10]) <= high):
        raise Usage(f"--confirm: {word!r} is not a number of seconds from {low} to {high}")
    return int(word)


def unsent_report(title: str, error: Failure) -> PushReport:
    """The report of a push that was not sent because of that error."""
    answer: dict[str, Any] = {
        "service": title,
        "result": outcome(error),
        "message": full_text(error),
        "hint": error.hint,
        "files": [],
        "check": None,
        "reload": None,
        "confirm": 0,
        "round_trips": 0,
        "seconds": 0.0,
        "more": 0,
    }
    return _push_report(answer)


def require_applied(report: PushReport) -> None:
    """Raise what is to be said of a push that did not end well."""
    about = f"service {report.service}: node {report.node}"
    if report.result in ("applied", "unchanged"):
        return
    if report.result == "refused":
        raise Refused(f"{about} refused it: {report.message}", report.hint)
    again = "correct it here, apply it, push again"
    if report.result == "rolled-back":
        raise Failure(f"{about} put everything back: {report.message}{_own_words(report.reload)}", again)
    if report.check and report.check.status:
        raise Invalid(f"{about} is unchanged: {report.message}{_own_words(report.check)}", again)
    raise Failure(f"{about}: {report.message}", report.hint)


def diff(title: str, *, on_wait: OnWait | None = None, on_progress: OnProgress | None = None) -> PushReport:
    """What a push would change on the peer, see `require_pushable`; nothing is changed."""
    return _push_report(ask_csyncd("diff", {"service": title, **_STILL_AT_IT}, on_wait, on_progress))


def require_pushable(report: PushReport) -> None:
    """Raise what is to be said of a difference that could not be had."""
    if report.result == "refused":
        raise Refused(f"service {report.service}: node {report.node} refuses it: {report.message}", report.hint)
    if report.result == "failed":
        raise Failure(f"service {report.service}: node {report.node}: {report.message}", report.hint)


def confirm(*, who: Who, on_wait: OnWait | None = None) -> ConfirmedPush:
    """Keep what this node pushed and what waits on the peer to be confirmed; Refused if nothing does."""
    answer = ask_csyncd("confirm", {"by": asdict(who)}, on_wait)
    with _reading_answer():
        return ConfirmedPush(answer["service"], answer["node"], answer)


def undo(*, who: Who) -> "UndonePush":
    """Put back now what a peer's push left waiting on this node to be confirmed; Refused if nothing waits."""
    from firmware.flows import recovery

    return recovery.undo_waiting(who)


def save_peer(*, who: Who, on_wait: OnWait | None = None) -> PeerSave:
    """Have the peer save its running configuration; Refused there while a push waits to be confirmed."""
    answer = ask_csyncd("save", {"by": asdict(who)}, on_wait)
    with _reading_answer():
        added, changed, removed = (tuple(map(str, answer[change])) for change in ("added", "changed", "removed"))
        notes = tuple(map(str, answer.get("notes", ())))  # a peer of an older version tells none
        saved, fresh = (answer["node"], answer["generation"], answer["digest"]), answer.get("fresh", True)
        return PeerSave(*saved, fresh, added, changed, removed, notes, answer)


def status() -> PairStatus:
    """How the pair is; red with the reason where csyncd cannot be asked."""
    try:
        report = ask_csyncd("status", {})
    except Failure as error:
        report = _status_without_csyncd(error)
    with _reading_answer():
        return PairStatus(**{**report, "reasons": tuple(report["reasons"]), "serial": identity.serial_number()})


def _status_without_csyncd(why: Failure) -> dict[str, Any]:
    from firmware import addresses
    from firmware.sync import node_state, settings
    from firmware.sync.status_report import describe, unknown_node
    from firmware.upgrade import attention

    try:
        found = settings.read(local_addresses=addresses.local_addresses())
    except Failure as error:
        unknown, slots, unsound = unknown_node(None, None), attention.problem(), _unsound_save()
        return {
            "state": "red",  # it may be the factory's csyncd.cfg, because nothing that was saved can be read
            "reasons": list(filter(None, [unsound, *settings.problems(error), slots])),
            "remedy": "config history; config import FILE, if there is an export"
            if unsound
            else f"edit {settings.FILE}",
            "local": {**unknown, "reachable": True, "slot_problem": slots or None},
            "peer": unknown,
            "path": "",
            "services": {},
        }
    return describe(found, node_state.local_state(found), None, str(why), why.hint)


def _unsound_save() -> str:
    """Why a reboot does not bring back what was saved last; "" if it does."""
    from firmware.store import saved_state

    try:
        return saved_state.load().problem
    except Failure as error:
        return str(error)


def _push_report(answer: dict[str, Any]) -> PushReport:
    with _reading_answer():
        return PushReport(
            answer["service"],
            answer.get("node"),
            answer["result"],
            answer["message"],
            answer["hint"],
            tuple(_file_change(change) for change in answer["files"]),
            _outcome(answer["check"]),
            _outcome(answer["reload"]),
            answer.get("confirm", 0),
            answer.get("round_trips", 0),
            answer.get("seconds", 0.0),
            answer.get("warnings", {}),
            answer.get("more", 0),
            answer,
        )


def _file_change(change: Mapping[str, Any]) -> FileChange:
    return FileChange(change["change"], change["path"], change["before"], change["after"], change.get("diff"))


def _outcome(found: Mapping[str, Any] | None) -> Outcome | None:
    return Outcome(found["status"], found["output"]) if found else None


def _reading_answer() -> AbstractContextManager[None]:
    return interpreting("csyncd's answer", "service csyncd restart")


def _own_words(found: Outcome | None) -> str:
    return f":\n{found.output.strip()}" if found and found.output.strip() else ""
