"""Recovery: what becomes of a transaction that is open. `recover` is the story: complete it, roll it back, or let it wait.

Everything here may be interrupted and done again. Who calls it holds the service's lock and SWAP, but for `recover`.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware.errors import Busy, Failure, Refused
from firmware.faults import fault_point
from firmware.locks import SWAP, hold, service_lock
from firmware.rc import document
from firmware.rc.block import Block
from firmware.rc.title import Title
from firmware.services import applied, catalog, content, directories, lifecycle
from firmware.services.definition import Outcome
from firmware.sync import ancestor, audit, push_report, staging, transaction
from firmware.sync.audit import Who
from firmware.sync.keys import KnownPeer
from firmware.sync.staging import Stage
from firmware.sync.transaction import Transaction

#: where edits are kept that were made to a push that was put back · of how many pushes of a service
KEPT_EDITS, MOST_KEPT = Path("/run/firmware/edited"), 4


@dataclass(frozen=True, slots=True)
class UndonePush:
    """A push of `service` from node `node` that was put back before its time was over; `message` says how that went."""

    service: str
    push: str
    node: int
    message: str

    def json(self) -> dict[str, Any]:
        """What `csync undo --json` prints."""
        return {**asdict(self), "result": "rolled-back"}


def recover(only: str = "", *, booting: bool = False) -> list[str]:
    """See to every open transaction (or the one of the service `only`); returns what was done, for the console.

    Before any service starts, whenever csyncd starts, and when a confirmation's time is over. What waits for one is let
    wait while it has time, but not over a boot. What cannot be read is left alone, and that is said.
    """
    lines = []
    for title in staging.abandoned_titles():
        with suppress(Busy), hold(service_lock(title), wait=False):  # whoever is at work on it sees to it
            staging.remove_abandoned(title)
    for title in transaction.open_titles():
        service = catalog.find(Title.parse(title).service)
        if only not in ("", title):
            continue
        if service is None:
            lines.append(f"service {title}: a push of it is open, and this firmware knows no such service")
            continue
        with hold(service_lock(title)), hold(SWAP):
            stage = staging.stage_for(service, title)
            try:
                pending = transaction.read(stage.journal)
            except Failure as error:
                lines.append(f"service {title}: a push of it is open, and left alone: {error} ({error.hint})")
                continue
            if pending is not None:
                lines += recover_transaction(stage, pending, booting=booting)
    return lines


def recoverable_transactions() -> list[Transaction]:
    """The open transactions that `recover` can deal with."""
    return [one for one in transaction.find_open() if catalog.find(Title.parse(one.title).service) is not None]


def recover_transaction(stage: Stage, pending: Transaction, *, booting: bool = False) -> list[str]:
    """Complete it, roll it back or let it wait, as its phase says; returns what was done."""
    if pending.phase == "done":
        complete(stage, pending)
        return [f"service {pending.title}: an interrupted push was completed"]
    if pending.phase == "waiting" and pending.seconds_left and not booting:
        hold_for_confirmation(stage, pending)
        return []
    if pending.phase == "waiting":
        event, why = "revert", f"a push was not confirmed within {pending.confirm} s, and the old state is back"
    else:
        event, why = "recover", "an interrupted push was undone"
    return [f"service {pending.title}: {_undo(stage, pending, event, why, audit.THIS_NODE)}"]


def undo_waiting(who: Who) -> UndonePush:
    """Put back now what a peer's push left waiting here to be confirmed. Refused if nothing waits."""
    for title, error in transaction.problems().items():
        raise Refused(f"service {title}: a push of it is open, and cannot be read: {error}", error.hint)
    waiting = transaction.find_waiting()
    if waiting is None or (service := catalog.find(Title.parse(waiting.title).service)) is None:
        raise Refused("no push waits to be confirmed on this node", "csync log tells what became of it")
    with hold(service_lock(waiting.title)), hold(SWAP):
        stage = staging.stage_for(service, waiting.title)
        pending = transaction.read(stage.journal)
        if pending is None or pending.phase != "waiting" or pending.push != waiting.push:
            raise Refused(f"service {waiting.title}: it waits no more", "csync log tells what became of it")
        message = _undo(stage, pending, "undo", "a push that waited to be confirmed was put back", who)
    return UndonePush(pending.title, pending.push, pending.peer, message)


def _undo(stage: Stage, pending: Transaction, event: str, why: str, who: Who) -> str:
    """Put the old state back for good, and note in the trail why and for whom; returns what was done, in words."""
    message = why + roll_back(stage, pending)
    audit.note(event, who=who, result="rolled-back", service=pending.title, message=message, push=pending.push)
    close_rolled_back(stage)
    return message


def roll_back(stage: Stage, old: Transaction, *, here: str = "here") -> str:
    """Put the old state back and have the service load it again; returns what went wrong with that, and where it is what somebody
    edited `here` since the swap; "" for nothing. `close_rolled_back` comes next, once it is noted."""
    fault_point("undo.begun")
    block = _block_now(stage)
    staging.swap_back(stage, old)
    fault_point("undo.put-back")
    kept = _keep_edits(stage, old, block, here)
    applied.restore_set_aside(stage.title, old.applied)
    reloaded = _reload_applied(stage)
    if reloaded.status:
        # What ran before may have ended for a reason of its own just then; then it only has to be started.
        reloaded = _reload_applied(stage)
    fault_point("undo.loaded")
    return (f", but loading it again failed, too: {reloaded.output}" if reloaded.status else "") + kept


def hold_for_confirmation(stage: Stage, pending: Transaction) -> None:
    """The service has loaded what was pushed; keep what brings the old state back."""
    if applied.context_digest(stage.title) == pending.applied:
        applied.set_aside(stage.title)
    _promote_pushed(stage.title, pending)
    fault_point("receive.kept")


def _promote_pushed(title: str, pushed: Transaction) -> None:
    """Of a promotion that was cut off, what is left in the snapshot's place may be the old state, on its way out."""
    if applied.snapshot_digest(title) == pushed.report["state"]:
        applied.promote_snapshot(title)
    else:
        applied.drop_snapshot(title)


def complete(stage: Stage, done: Transaction) -> None:
    """Nothing will be undone: note what both nodes have now, and for the audit trail what came of it."""
    _promote_pushed(stage.title, done)
    fault_point("receive.kept")
    answer = done.report
    ancestor.record(KnownPeer(done.peer, done.who.key), done.title, answer["state"], done.files, pushed_by=done.peer)
    push_report.remember(done.title, done.push, {**answer, "digests": list(done.files)})
    fault_point("receive.recorded")
    event, result = ("confirm received", "confirmed") if done.confirm else ("push received", answer["result"])
    details = push_report.trail_details(answer)
    details["message"] = "; ".join(filter(None, (details["message"], _keep_late_edits(stage, done))))
    audit.note(event, who=done.who, result=result, service=done.title, push=done.push, **details)
    applied.drop_set_aside(stage.title)
    staging.remove(stage)
    fault_point("receive.cleared")


def close_rolled_back(stage: Stage) -> None:
    """After `roll_back`: nothing is open any more."""
    applied.drop_set_aside(stage.title)
    staging.remove(stage)
    fault_point("undo.cleared")


def refuse_while_waiting() -> None:
    """Refused while a push waits to be confirmed on this node."""
    waiting = transaction.find_waiting()
    if waiting is not None:
        who, left = waiting.who.account, waiting.seconds_left
        raise Refused(
            f"service {waiting.title}: a push from {who} waits to be confirmed ({left:.0f} s left)",
            f"csync confirm on {who}, or csync undo on the node where it waits",
        )


def _reload_applied(stage: Stage) -> Outcome:
    """Have the service load what is applied. Edits that were not applied stay where they lie, and are not loaded."""
    config = document.read(stage.config)
    context = applied.context(stage.service, stage.title, config)
    if context is None:
        return Outcome(0, "")
    now = content.read(stage.service, config.find(Title.parse(stage.title)))
    if now.digest == applied.digest(stage.title) or not applied.files_directory(stage.title).is_dir():
        return lifecycle.load_from_disk(stage.service, context)
    with staging.applied_files_in_place(stage, applied.files_directory(stage.title)):
        return lifecycle.load_from_disk(stage.service, context)


def _block_now(stage: Stage) -> Block | None:
    """The service's block, whatever became of the others."""
    try:
        return document.parse_tolerant(document.read_text(stage.config))[0].find(Title.parse(stage.title))
    except (Failure, OSError):
        return None


def _keep_edits(stage: Stage, undone: Transaction, block: Block | None, here: str) -> str:
    """Whoever edited what was pushed finds it again; returns where. It lies in the stage by now, where nobody writes any more,
    and `block` was in config.rc. That it cannot be kept is no reason to leave it there longer."""
    try:
        if _is_as_pushed(stage, undone, block):
            return ""
        place = _keep_tree(stage, undone, block.text if block else "")
    except (Failure, OSError) as error:
        return f"; what was edited {here} meanwhile could not be kept: {error}"
    return f"; what was edited {here} meanwhile is in {place}"


def _keep_late_edits(stage: Stage, done: Transaction) -> str:
    """Who still stood in the directory that was replaced, or had a file of it open, may have written there: it is kept, too."""
    try:
        if not staging.is_written_after_swap(stage):
            return ""
        place = _keep_tree(stage, done, done.block)
    except (Failure, OSError) as error:
        return f"what was written here to what it replaced could not be kept: {error}"
    return f"what was written here to what it replaced is in {place}"


def _keep_tree(stage: Stage, of: Transaction, block: str) -> Path:
    """Keep what lies in the stage, and a block beside it; returns where."""
    directory = KEPT_EDITS / stage.title / (of.push[:8] or "unnamed")
    directories.remove(directory)
    if directory.parent.is_dir():
        for older in sorted(directory.parent.iterdir(), key=lambda one: one.stat().st_mtime)[: -(MOST_KEPT - 1)]:
            directories.remove(older)
    directory.mkdir(mode=0o700, parents=True)
    (directory / "block").write_bytes(block.encode("utf-8", "surrogateescape"))
    if stage.service.owns and stage.tree.is_dir():
        directories.copy(stage.tree, directory / "files")
    return directory


def _is_as_pushed(stage: Stage, undone: Transaction, block: Block | None) -> bool:
    """Is nothing else in the stage, and was nothing else in config.rc, than what was pushed? An interrupted swap may have left
    the old block there, which is none of anybody's edits."""
    digest, text = str(undone.report.get("state", "")), undone.report.get("block")
    if not digest:  # older firmware has not noted it
        return True
    entries = content.owned_entries(stage.service, stage.tree)
    if text is None:
        return content.digest(block, entries) == digest
    old, pushed = (document.parse_tolerant(one)[0].find(Title.parse(stage.title)) for one in (undone.block, text))
    statements = block.statements if block else ()
    known = [one.statements if one else () for one in (old, pushed)]
    return statements in known and content.digest(pushed, entries) == digest
