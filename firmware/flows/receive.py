"""Receive a push: the whole story stands in `receive`; read it from top to bottom.

lock → asked before? → what is missing? → has it changed here? → stage and verify → the service's own checker → arm the
rollback → swap → reload → decide → record → report. What an interruption leaves is `flows.recovery`'s.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

from firmware import log
from firmware.errors import Busy, Failure, Refused, full_text
from firmware.faults import fault_point
from firmware.flows import recovery
from firmware.locks import ROOM, SWAP, hold, push_lock, service_lock
from firmware.manifest import Entry
from firmware.rc import check, document
from firmware.rc.title import Title
from firmware.services import applied, confirmation, content, lifecycle
from firmware.services.content import Content
from firmware.services.definition import Context, Outcome
from firmware.sync import (
    ancestor,
    audit,
    proposal_body,
    proposal_changes,
    push_report,
    space,
    staging,
    synced,
    transaction,
)
from firmware.sync.audit import Who
from firmware.sync.peer_sshd import RemotePeer
from firmware.sync.proposal import Proposal
from firmware.sync.proposal_changes import Changed
from firmware.sync.push_report import Report
from firmware.sync.staging import Stage
from firmware.sync.transaction import Transaction

FORCE = "look at the difference, then csync push --force to overwrite it"
Answer = dict[str, Any]
#: how the pushing node is told that it was here
_HERE = "on the receiving node"


def receive(offer: Proposal, remote: RemotePeer) -> Answer:
    """Apply a proposal, or the difference that one arrived as, whole or not at all; a dry one only says what it would change.
    Returns the answer to the pusher; Refused or Failure where nothing was changed, Busy while somebody else is at work on the
    service."""
    fault_point("receive.begun")
    with hold(push_lock(offer.title), wait=False), hold(service_lock(offer.title), wait=False):
        stage = staging.stage_for(offer.service, offer.title)
        _recover_open_transaction(stage)
        if earlier := _find_earlier_answer(offer, stage):
            return earlier
        old = staging.current_content(stage)
        if (proposal := proposal_body.complete(offer, old)) is None:
            return Report("diverged", state=old.digest).json()
        if missing := proposal_changes.missing_contents(proposal, old):
            return Report("lacking", lacking=missing, state=old.digest).json()
        if not proposal.dry:
            staging.require_swappable(stage)  # what is mounted there is not looked at, and so would be a conflict
        conflict = _find_conflict(proposal, old, remote)
        changes = proposal_changes.changes(proposal, old, diff=proposal.dry or bool(conflict))
        if proposal.dry:
            warned = (conflict, FORCE) if changes and conflict else ("", "")
            result = "differs" if changes else "unchanged"
            return Report(result, *warned, files=changes.listed, more=changes.more, state=old.digest).json()
        recovery.refuse_while_waiting()
        confirmation.refuse_while_waiting(proposal.service.name)
        _refuse_if_pusher_left(remote)
        if conflict:
            refusal = Report("refused", conflict, FORCE, changes.listed, more=changes.more, state=old.digest)
            return _note(proposal, remote, refusal)
        if not changes and applied.is_applied(proposal.service, _context(proposal, stage), old.digest):
            _record_ancestor(proposal.title, old, remote)
            synced.keep(proposal.title, old.digest, old.entries)
            return _note(proposal, remote, Report("unchanged", state=old.digest))
        _refuse_local_changes(proposal, old)
        with hold(ROOM):
            recovery.refuse_while_waiting()  # of another service: it may have been applied since
            _refuse_if_pusher_left(remote)
            _require_room(proposal, old)
            try:
                return _apply(proposal, remote, stage, old, changes)
            finally:
                if not stage.journal.exists():
                    staging.remove(stage)


def _apply(proposal: Proposal, remote: RemotePeer, stage: Stage, old: Content, changes: Changed) -> Answer:
    """Stage, check, swap, reload, and commit or roll back."""
    context = _context(proposal, stage)
    sha256 = staging.fill(stage, proposal, old)
    fault_point("receive.staged")
    checked = lifecycle.check(proposal.service, context, staged=stage.tree)
    fault_point("receive.checked")
    outcome = Report("applied", files=changes.listed, more=changes.more, check=checked)
    if checked.status:
        failed = replace(outcome, result="failed", message="the checker says no", state=old.digest)
        return _note(proposal, remote, failed)
    with hold(SWAP):
        _refuse_if_pusher_left(remote)
        pushed = {"state": proposal_changes.proposed_digest(proposal), "block": proposal.block.text}
        who = {"peer": remote.node, "who": remote.who}
        armed = staging.arm(stage, old, push=proposal.push, confirm=proposal.confirm, report=pushed, **who)
        try:
            reloaded = _swap_and_reload(proposal, context, stage, old, warnings=checked.output)
            served = replace(outcome, reload=reloaded, sha256=(armed.sha256, sha256))
            committed = None if reloaded.status else _commit(stage, armed, proposal, served)
        except BaseException as error:
            if not isinstance(error, Failure) or isinstance(error, Refused):
                about = recovery.roll_back(stage, armed, here=_HERE)
                recovery.close_rolled_back(stage)
                if isinstance(error, Refused):
                    raise type(error)(f"{error}{about}", error.hint) from None
                log.line(f"csyncd: service {stage.title}: the old state is back{about}")
                raise
            reloaded, committed = Outcome(1, str(error)), None
        if committed is not None:
            return _finish(stage, committed)
        message = "the reload failed; the old state is back" + recovery.roll_back(stage, armed, here=_HERE)
        rolled_back = replace(outcome, result="rolled-back", message=message, reload=reloaded, state=old.digest)
        answer = _note(proposal, remote, replace(rolled_back, sha256=(armed.sha256, armed.sha256)))
        recovery.close_rolled_back(stage)
        return answer


def answer(proposal: Proposal, remote: RemotePeer) -> Answer:
    """Receive a proposal and return the answer to the pusher; it never raises for a refusal or a failure."""
    try:
        return receive(proposal, remote)
    except Busy as error:
        return Report("busy", str(error), error.hint).json()
    except Refused as error:
        return _note(proposal, remote, Report("refused", str(error), error.hint))
    except Failure as error:
        return _note(proposal, remote, Report("failed", full_text(error), error.hint))
    except OSError as error:
        hint = "make room on the receiving node: df /etc /run" if error.errno == ENOSPC else ""
        message = f"{error.filename or proposal.title}: {error.strerror}"
        return _note(proposal, remote, Report("failed", message, hint))


def _context(proposal: Proposal, stage: Stage) -> Context:
    """What the service is in once the proposal is there, beside what the others are now."""
    return Context.of(proposal.service, proposal.block, staging.proposed_document(stage, proposal))


def _require_room(proposal: Proposal, old: Content) -> None:
    """Refused where it is more than may be pushed, or there is no room for it beside what is here."""
    space.require_space(proposal.service, proposal.entries)
    kept = sum(entry.size for entry in old.entries.values()) if proposal.confirm else 0
    room = space.local_room()
    space.require_room(proposal.service, proposal.entries, room, "the receiving node", beside=kept, arriving=False)


def _refuse_local_changes(proposal: Proposal, old: Content) -> None:
    """Refused where the block differs in what each node has for itself, whether with or without force, and where this node
    has not said that it takes the service from a peer."""
    consent = proposal.service.consent
    if consent and not {(consent,), (consent, "on")} & set(old.statements):
        hint = f"on both nodes: config add {proposal.title} {consent} on"
        raise Refused(f"service {proposal.title}: the receiving node takes none of it from a peer", hint)
    if problems := check.local_problems(proposal.block.statements, old.statements, proposal.service):
        raise Refused(
            f"service {proposal.title}: {'; '.join(problems)}", "give both nodes the same there, each by hand"
        )


def _recover_open_transaction(stage: Stage) -> None:
    """Deal with an earlier push of the service that an error in the program has left open."""
    earlier = transaction.read(stage.journal)
    if earlier and earlier.phase != "waiting":
        with hold(SWAP):
            recovery.recover_transaction(stage, earlier)


def _find_earlier_answer(proposal: Proposal, stage: Stage) -> Answer | None:
    """The answer to this very push, if it was here already, and its answer was lost on the way."""
    waiting = transaction.read(stage.journal)
    if waiting and proposal.push and waiting.push == proposal.push:
        return dict(waiting.report)
    try:
        earlier = push_report.recall(proposal.title, proposal.push)
    except Failure as error:
        # Dealt with once more, a push changes nothing that its pusher has not seen.
        log.line(f"csyncd: {full_text(error)}")
        return None
    return dict(earlier) if earlier else None


def _refuse_if_pusher_left(remote: RemotePeer) -> None:
    """A pusher that has gone asks again if it still wants this. By now it may want something newer, or even have it here."""
    if remote.has_gone():
        raise Refused("the pushing node went away while its push was waiting")


def _swap_and_reload(proposal: Proposal, context: Context, stage: Stage, old: Content, *, warnings: str) -> Outcome:
    """Put the staged state in place and have the service load it. Refused if somebody wrote there since it was compared."""
    fault_point("receive.armed")
    staging.swap(stage, proposal.block.text)
    fault_point("receive.swapped")
    with ThreadPoolExecutor(1) as beside:
        unchanged = beside.submit(staging.require_unchanged, stage, old, proposal)
        staging.take_snapshot(proposal, context, old, warnings)
        unchanged.result()
    reloaded = lifecycle.load_from_disk(proposal.service, context)
    fault_point("receive.reloaded")
    return reloaded


def _commit(stage: Stage, armed: Transaction, proposal: Proposal, outcome: Report) -> Transaction:
    """It serves. From the one write here on the push is not undone any more, or only if it is not confirmed in time."""
    state = applied.snapshot_digest(stage.title)
    applied.note_snapshot_sha256(stage.title, outcome.sha256[1])
    answer = replace(outcome, state=state, confirm=armed.confirm).json()
    committed = replace(armed, phase="done", report=answer, files=_file_digests(proposal.entries))
    if armed.confirm:
        committed = replace(committed, phase="waiting", deadline=transaction.boot_clock() + armed.confirm)
    transaction.write(committed, stage.journal)
    synced.keep(stage.title, state, proposal.entries)
    return committed


def _finish(stage: Stage, committed: Transaction) -> Answer:
    """What was committed is true whatever happens now: what is left to be noted is noted by the next who looks."""
    fault_point("receive.decided")
    answer = dict(committed.report)
    try:
        if committed.phase == "done":
            recovery.complete(stage, committed)
        else:
            recovery.hold_for_confirmation(stage, committed)
            message = f"it is put back unless it is confirmed within {committed.confirm} s"
            _note_push(stage.title, committed.push, committed.who, {**answer, "message": message})
    except (Failure, OSError) as error:
        log.line(f"csyncd: service {stage.title}: the push is applied, but not noted: {error}")
    return answer


def _find_conflict(proposal: Proposal, old: Content, remote: RemotePeer) -> str:
    """Why the proposal may not overwrite what is here; "" if it may."""
    title, last_syncs = proposal.title, ancestor.load(remote.key_holder)
    # What the pusher had in common with us last it has seen, even if we were interrupted before we noted that.
    if old.digest in (proposal_changes.proposed_digest(proposal), proposal.base):
        return ""
    if proposal.expect:
        again = old.digest != proposal.expect
        return f"service {title} was changed again on the receiving node since it was shown" if again else ""
    if known := last_syncs.by_title.get(title):
        changed = old.digest != known.digest
        last = f"its last sync with {remote.name}"
        return f"service {title} was changed on the receiving node since {last}" if changed else ""
    if old.digest == _factory_content(proposal).digest:
        return ""
    if problem := last_syncs.problem:
        return (
            f"service {title}: what its last sync with {remote.name} left is not known on the receiving node: {problem}"
        )
    never = f"service {title} was never synced with {remote.name} under its present keys"
    return f"{never}, and is not as the factory made it on the receiving node"


def _factory_content(proposal: Proposal, top: Path = Path("/usr/share/factory")) -> Content:
    try:
        block = document.read(top / "etc/config.rc").find(Title.parse(proposal.title))
    except Failure:
        block = None
    return content.read(proposal.service, block, root=top)


def _record_ancestor(title: str, now: Content, remote: RemotePeer) -> None:
    """Both nodes have it already."""
    ancestor.record(remote.key_holder, title, now.digest, _file_digests(now.entries), pushed_by=remote.node)


def _file_digests(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    return tuple(entry.digest for entry in entries.values() if entry.kind == "file")


def _note(proposal: Proposal, remote: RemotePeer, outcome: Report) -> Answer:
    """Note in the audit trail what came of it; returns the answer to the pusher."""
    answer = outcome.json()
    _note_push(proposal.title, proposal.push, remote.who, answer)
    return answer


def _note_push(title: str, push: str, who: Who, answer: Answer) -> None:
    details = push_report.trail_details(answer)
    audit.note("push received", who=who, result=answer["result"], by_peer=True, service=title, push=push, **details)
