"""Receive a push: the whole story stands in `receive`; read it from top to bottom.

lock → asked before? → what is missing? → has it changed here? → stage and verify → the service's own checker → arm the
rollback → swap → reload → decide → record → report. What an interruption leaves is `flows.recovery`'s.
"""

from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

from firmware import log
from firmware.errors import Busy, Failure, Refused, full_text
from firmware.faults import fault_point
from firmware.flows import recovery
from firmware.locks import SWAP, hold, push_lock, service_lock
from firmware.rc import document
from firmware.rc.title import Title
from firmware.services import applied, content, lifecycle
from firmware.services.content import Content
from firmware.services.definition import Context, Outcome
from firmware.sync import ancestor, audit, compare, report, staging, transaction
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.proposal import Proposal
from firmware.sync.report import Report
from firmware.sync.staging import Stage
from firmware.sync.transaction import Transaction

FORCE = "look at the difference, then csync push --force to overwrite it"
Answer = dict[str, Any]


def receive(proposal: Proposal, remote: RemotePeer) -> Answer:
    """Apply a proposal, whole or not at all; a dry one only says what it would change. It never raises for a refusal."""
    fault_point("receive.begun")
    try:
        with hold(push_lock(proposal.title), wait=False), hold(service_lock(proposal.title), wait=False):
            return _considered(proposal, remote)
    except Busy as error:
        return Report("busy", str(error), error.hint).json()
    except Refused as error:
        return _audited(proposal, remote, Report("refused", str(error), error.hint))
    except Failure as error:
        return _audited(proposal, remote, Report("failed", full_text(error), error.hint))
    except OSError as error:
        hint = "make room on the receiving node: df /etc /run" if error.errno == ENOSPC else ""
        return _audited(
            proposal, remote, Report("failed", f"{error.filename or proposal.title}: {error.strerror}", hint)
        )


def _considered(proposal: Proposal, remote: RemotePeer) -> Answer:
    stage = staging.stage_for(proposal.service, proposal.title)
    _settled(stage)
    if known := _asked_before(proposal, stage):
        return known
    now = staging.current_content(stage)
    if lacking := compare.missing_contents(proposal, now):
        return Report("lacking", lacking=lacking, state=now.digest).json()
    why = "" if proposal.dry else _conflict(proposal, now, remote)
    changes = compare.changes(proposal, now, diff=proposal.dry or bool(why))
    if proposal.dry:
        return Report("differs" if changes else "unchanged", files=changes, state=now.digest).json()
    recovery.refuse_while_waiting()
    _refuse_late(remote)
    if why:
        return _audited(proposal, remote, Report("refused", why, FORCE, changes, state=now.digest))
    context = Context.of(proposal.service, proposal.block, staging.proposed_document(stage, proposal))
    if not changes and applied.is_applied(proposal.service, context, now.digest):
        return _agreed(proposal, remote, now)
    return _applied(proposal, context, remote, stage, now, changes)


def _settled(stage: Stage) -> None:
    """An earlier push of it that an error in the program has left open."""
    found = transaction.read(stage.journal)
    if found and found.phase != "waiting":
        with hold(SWAP):
            recovery.recover_transaction(stage, found)


def _refuse_late(remote: RemotePeer) -> None:
    """Who has gone asks again if it still wants this. It may want something newer by now, and even have it here already."""
    if remote.has_gone():
        raise Refused("the pushing node went away while its push was waiting")


def _asked_before(proposal: Proposal, stage: Stage) -> Answer | None:
    """The answer to this very push, if it was here already, and its answer was lost on the way."""
    found = transaction.read(stage.journal)
    if found and proposal.push and found.push == proposal.push:
        return dict(found.report)
    return dict(known) if (known := report.recall(proposal.title, proposal.push)) else None


def _applied(
    proposal: Proposal,
    context: Context,
    remote: RemotePeer,
    stage: Stage,
    now: Content,
    changes: list[dict[str, Any]],
) -> Answer:
    try:
        staging.fill(stage, proposal, now)
        fault_point("receive.staged")
        checked = lifecycle.check(proposal.service, context, staged=stage.tree)
        fault_point("receive.checked")
        if checked.status:
            failed = Report("failed", "the checker says no", "", changes, checked, state=now.digest)
            return _audited(proposal, remote, failed)
        with hold(SWAP):
            _refuse_late(remote)
            return _exchanged(proposal, context, remote, stage, now, Report("applied", files=changes, check=checked))
    finally:
        if not stage.journal.exists():
            staging.remove(stage)


def _exchanged(
    proposal: Proposal, context: Context, remote: RemotePeer, stage: Stage, now: Content, so_far: Report
) -> Answer:
    armed = staging.armed_transaction(
        stage, now, push=proposal.push, peer=remote.node, who=remote.who, confirm=proposal.confirm
    )
    transaction.write(armed, stage.journal)
    try:
        fault_point("receive.armed")
        staging.swap(stage, proposal.block.text)
        fault_point("receive.swapped")
        staging.require_unchanged(stage, now)
        applied.take_snapshot(proposal.service, context)
        reloaded = lifecycle.load_from_disk(proposal.service, context)
        fault_point("receive.reloaded")
        if not reloaded.status:
            decided = _decided(stage, armed, replace(so_far, reload=reloaded))
    except BaseException as error:
        if not isinstance(error, Failure) or isinstance(error, Refused):
            recovery.roll_back(stage, armed)
            recovery.close_rolled_back(stage)
            raise
        reloaded = Outcome(1, str(error))
    if not reloaded.status:
        return _carried_out(stage, decided)
    message = "the reload failed; the old state is back" + recovery.roll_back(stage, armed)
    back = replace(
        so_far, result="rolled-back", message=message, reload=reloaded, state=now.digest, sha256=(armed.sha256,) * 2
    )
    told = _audited(proposal, remote, back)
    recovery.close_rolled_back(stage)
    return told


def _decided(stage: Stage, armed: Transaction, so_far: Report) -> Transaction:
    """It serves. From the one write here on the push is not undone any more, or only if it is not confirmed in time."""
    done = staging.current_content(stage)
    sha256 = armed.sha256, content.sha256(done, stage.service)
    told = replace(so_far, state=done.digest, sha256=sha256, confirm=armed.confirm).json()
    digests = tuple(entry.digest for entry in done.entries.values() if entry.kind == "file")
    decided = replace(armed, phase="done", report=told, files=digests)
    if armed.confirm:
        decided = replace(decided, phase="waiting", deadline=transaction.boot_clock() + armed.confirm)
    transaction.write(decided, stage.journal)
    return decided


def _carried_out(stage: Stage, decided: Transaction) -> Answer:
    """What was decided is true whatever happens now: what is left to be noted is noted by the next who looks."""
    fault_point("receive.decided")
    told = dict(decided.report)
    try:
        if decided.phase == "done":
            recovery.complete(stage, decided)
        else:
            recovery.hold_for_confirmation(stage, decided)
            trail = report.trail_details(
                {**told, "message": f"it is put back unless it is confirmed within {decided.confirm} s"}
            )
            audit.note(
                "push received", who=decided.who, result="applied", service=stage.title, push=decided.push, **trail
            )
    except (Failure, OSError) as error:
        log.line(f"csyncd: service {stage.title}: the push is applied, but not noted: {error}")
    return told


def _conflict(proposal: Proposal, now: Content, remote: RemotePeer) -> str:
    """Why the proposal may not overwrite what is here; "" if it may."""
    title, known = proposal.title, ancestor.find(remote.node, proposal.title)
    # What the pusher had in common with us last it has seen, even if we were interrupted before we noted that.
    if now.digest in (compare.proposed_digest(proposal), proposal.base):
        return ""
    if proposal.expect:
        again = now.digest != proposal.expect
        return f"service {title} was changed again on the receiving node since it was shown" if again else ""
    if known is not None:
        changed = now.digest != known.digest
        last = f"its last sync with {remote.name}"
        return f"service {title} was changed on the receiving node since {last}" if changed else ""
    if now.digest == _factory(proposal).digest:
        return ""
    never = f"service {title} was never synced with {remote.name}"
    return f"{never}, and is not as the factory made it on the receiving node"


def _factory(proposal: Proposal, top: Path = Path("/usr/share/factory")) -> Content:
    try:
        block = document.read(top / "etc/config.rc").find(Title.parse(proposal.title))
    except Failure:
        block = None
    return content.read(proposal.service, block, root=top)


def _agreed(proposal: Proposal, remote: RemotePeer, now: Content) -> Answer:
    """Both nodes have it already."""
    digests = [entry.digest for entry in now.entries.values() if entry.kind == "file"]
    ancestor.record(remote.node, proposal.title, now.digest, digests, pushed_by=remote.node)
    return _audited(proposal, remote, Report("unchanged", state=now.digest))


def _audited(proposal: Proposal, remote: RemotePeer, came: Report) -> Answer:
    told = came.json()
    about = {"service": proposal.title, "push": proposal.push, **report.trail_details(told)}
    audit.note("push received", who=remote.who, result=came.result, **about)
    return told
