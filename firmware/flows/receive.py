"""Receive a push: the whole story stands in `receive`; read it from top to bottom.

lock → what is missing? → has it changed here? → stage and verify → the service's own checker → arm the rollback → swap →
reload → record → report. `recover` undoes what an interruption left, before any service starts.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from firmware.errors import Busy, Failure, Refused, whole
from firmware.rc import document
from firmware.services import applied, catalog, content, control
from firmware.services.content import Content
from firmware.services.definition import Outcome
from firmware.sync import ancestor, audit, compare, staging
from firmware.sync.gate import Visitor
from firmware.sync.proposal import Proposal
from firmware.sync.staging import Stage

#: the lock held while a swap may still be undone; a save waits for it
SWAP = "swap"
FORCE = "look at the difference, then csync push --force to overwrite it"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a proposal; the pusher passes it on. `state` is the digest of what is here now, `sha256` that of what
    was and of what is, for the audit trail; `lacking` the digests whose contents have to be sent too."""

    result: str
    message: str = ""
    hint: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    check: Outcome | None = None
    reload: Outcome | None = None
    state: str = ""
    sha256: tuple[str, str] = ("", "")
    lacking: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As it travels."""
        said = {
            name: outcome and {"status": outcome.status, "output": outcome.output} for name, outcome in self._outcomes()
        }
        return {
            "result": self.result, "message": self.message, "hint": self.hint, "files": self.files, **said,
            "state": self.state, "sha256": list(self.sha256), "lacking": self.lacking,
        }  # fmt: skip

    def _outcomes(self) -> tuple[tuple[str, Outcome | None], ...]:
        return ("check", self.check), ("reload", self.reload)


def receive(proposal: Proposal, visitor: Visitor) -> Report:
    """Apply a proposal, whole or not at all; a dry one only says what it would change. It never raises for a refusal."""
    try:
        with control.lock(proposal.title, wait=False):
            stage = staging.stage_of(proposal.service, proposal.title)
            now = staging.current(stage)
            if lacking := compare.lacking(proposal, now):
                return Report("lacking", lacking=lacking, state=now.digest)
            why = "" if proposal.dry else _conflict(proposal, now, visitor)
            changes = compare.changes(proposal, now, diff=proposal.dry or bool(why))
            if proposal.dry:
                return Report("differs" if changes else "unchanged", files=changes, state=now.digest)
            if why:
                report = Report("refused", why, FORCE, changes, state=now.digest)
            else:
                report = _apply(proposal, visitor, stage, now, changes)
    except Busy as error:
        return Report("busy", str(error), error.hint)
    except Refused as error:
        report = Report("refused", str(error), error.hint)
    except Failure as error:
        report = Report("failed", whole(error), error.hint)
    except OSError as error:
        report = Report("failed", f"{error.filename or proposal.title}: {error.strerror}")
    return _audited(proposal, visitor, report)


def _apply(proposal: Proposal, visitor: Visitor, stage: Stage, now: Content, changes: list[dict[str, Any]]) -> Report:
    if not changes and applied.digest(proposal.title) == now.digest:
        _agreed(proposal, visitor, now)
        return Report("unchanged", state=now.digest)
    try:
        staging.fill(stage, proposal, now)
        checked = control.check(proposal.service, proposal.block, staged=stage.tree)
        if checked.status:
            return Report("failed", "the checker says no", "", changes, checked, state=now.digest)
        with control.lock(SWAP):
            return _exchange(proposal, visitor, stage, now, Report("applied", files=changes, check=checked))
    finally:
        if not stage.journal.exists():
            staging.clear(stage)


def _exchange(proposal: Proposal, visitor: Visitor, stage: Stage, now: Content, so_far: Report) -> Report:
    was = content.sha256(now, proposal.service)
    staging.arm(stage, now)
    try:
        staging.swap(stage, proposal.block.text)
        staging.unchanged(stage, now)
        applied.snapshot(proposal.service, proposal.block)
        reloaded = control.reload_outcome(proposal.service, proposal.block)
        if not reloaded.status:
            return _finish(proposal, visitor, stage, was, replace(so_far, reload=reloaded))
    except BaseException as error:
        if not isinstance(error, Failure) or isinstance(error, Refused):
            _undo(stage)
            raise
        reloaded = Outcome(1, str(error))
    message = "the reload failed; the old state is back" + _undo(stage)
    return replace(so_far, result="rolled-back", message=message, reload=reloaded, state=now.digest, sha256=(was, was))


def _finish(proposal: Proposal, visitor: Visitor, stage: Stage, was: str, so_far: Report) -> Report:
    """The reload has worked: note it, and disarm the rollback last."""
    done = staging.current(stage)
    _agreed(proposal, visitor, done)
    applied.keep(proposal.title)
    stage.journal.unlink()
    return replace(so_far, state=done.digest, sha256=(was, content.sha256(done, proposal.service)))


def _undo(stage: Stage) -> str:
    """Put the old state back and have the service load it again; what went wrong with that is said, and nothing kept."""
    staging.put_back(stage)
    staging.clear(stage)
    name, _, instance = stage.title.partition(".")
    block = document.read(stage.config).find(name, instance)
    again = control.reload_outcome(stage.service, block) if block else Outcome(0, "")
    return f", but loading it again failed, too: {again.output}" if again.status else ""


def recover() -> list[str]:
    """Undo every swap that was interrupted; returns what was done, for the console. Before any service starts."""
    said = []
    for title in staging.interrupted():
        service = catalog.find(title.partition(".")[0])
        if service is None:
            continue
        with control.lock(title), control.lock(SWAP):
            stage = staging.stage_of(service, title)
            if not stage.journal.exists():
                continue
            undone = _undo(stage)
        said.append(f"service {title}: an interrupted push was undone{undone}")
        audit.note("recover", who="this node", result="rolled-back", service=title)
    return said


def _conflict(proposal: Proposal, now: Content, visitor: Visitor) -> str:
    """Why the proposal may not overwrite what is here; "" if it may."""
    title, before = proposal.title, ancestor.find(visitor.node, proposal.title)
    if now.digest == compare.digest(proposal):
        return ""
    if proposal.expect:
        again = now.digest != proposal.expect
        return f"service {title} was changed again on the receiving node since it was shown" if again else ""
    if before is not None:
        same = now.digest == before.digest
        return (
            "" if same else f"service {title} was changed on the receiving node since its last sync with {visitor.name}"
        )
    if now.digest == _factory(proposal).digest:
        return ""
    return (
        f"service {title} was never synced with {visitor.name}, and is not as the factory made it on the receiving node"
    )


def _factory(proposal: Proposal, top: Path = Path("/usr/share/factory")) -> Content:
    name, _, instance = proposal.title.partition(".")
    try:
        block = document.read(top / "etc/config.rc").find(name, instance)
    except Failure:
        block = None
    return content.read(proposal.service, block, root=top)


def _agreed(proposal: Proposal, visitor: Visitor, done: Content) -> None:
    digests = [entry.digest for entry in done.entries.values() if entry.kind == "file"]
    ancestor.record(visitor.node, proposal.title, done.digest, digests, time=time.time(), pushed_by=visitor.node)


def _audited(proposal: Proposal, visitor: Visitor, report: Report) -> Report:
    audit.note(
        "push received", who=f"{visitor.name} ({visitor.key.fingerprint})", result=report.result, service=proposal.title,
        message=report.message, before=report.sha256[0], after=report.sha256[1],
        files=[change["path"] for change in report.files],
        check=report.check.output if report.check else "", reload=report.reload.output if report.reload else "",
    )  # fmt: skip
    return report
