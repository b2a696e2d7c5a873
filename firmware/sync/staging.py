"""Staging and swapping: how a service's new state gets below /etc in one step, and out of it again.

/etc/.staging/TITLE holds `tree` (the new files, later the old ones) and `journal`, the transaction. It is written before
anything is swapped and removed when nothing of it is open any more.
"""

import grp
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import directory, manifest, native
from firmware.errors import Refused
from firmware.faults import fault_point
from firmware.locks import CONFIG, hold
from firmware.manifest import Entry
from firmware.rc import document, edit
from firmware.rc.document import Document
from firmware.rc.title import Title
from firmware.services import applied, content, directories
from firmware.services.content import Content
from firmware.services.definition import Context, Service
from firmware.sync import proposal_changes, staged_files, transaction
from firmware.sync.proposal import Proposal
from firmware.sync.transaction import STAGING, Transaction


@dataclass(frozen=True, slots=True)
class Stage:
    """A place where a service's new state is made ready. `owned` is the directory that will be swapped with `tree`."""

    service: Service
    title: str
    directory: Path
    owned: Path
    config: Path

    @property
    def tree(self) -> Path:
        """The staged directory; after the swap it holds what was there before."""
        return self.directory / "tree"

    @property
    def applied_copy(self) -> Path:
        """Where a copy of the applied files is made ready, when these are not what lies on disk."""
        return self.directory / "lent"

    @property
    def journal(self) -> Path:
        """Where the transaction is noted by which an interrupted swap is undone, or completed."""
        return self.directory / "journal"


def stage_for(service: Service, title: str, *, top: Path = STAGING, config: Path = Path(document.PATH)) -> Stage:
    """The stage of a service."""
    return Stage(service, title, top / title, Path(service.owns) if service.owns else top / title / "none", config)


def fill(stage: Stage, proposal: Proposal, now: Content) -> str:
    """Write the proposed files: those that came with it, and those that are here already; each is proved right once it is
    written. Returns the SHA-256 of the content that they make (`content.sha256`)."""
    require_swappable(stage)
    remove(stage)
    stage.directory.parent.mkdir(mode=0o700, exist_ok=True)
    stage.directory.mkdir(mode=0o700)
    stage.tree.mkdir(mode=0o700)
    for entry in _directories(proposal.entries):
        os.mkdir(_target(stage, entry), 0o700)
    here = {entry.digest: path for path, entry in now.entries.items() if entry.kind == "file"}
    sums = staged_files.write(stage.tree, proposal, here)
    _set_owners_and_modes(stage, proposal.entries)
    return content.sha256_by_files(proposal.block.statements, proposal.entries, lambda path: sums[path])


def _directories(entries: Mapping[str, Entry]) -> list[Entry]:
    return [entry for entry in entries.values() if entry.kind == "dir"]


def _target(stage: Stage, entry: Entry) -> str:
    return f"{stage.tree}/{os.path.relpath(entry.path, stage.service.owns)}"


def require_swappable(stage: Stage) -> None:
    """Refused where what is swapped out could not be removed without harm, or not be swapped at all."""
    if os.path.lexists(stage.owned) and not stage.owned.is_dir():
        raise Refused(f"{stage.owned}: it is no directory on the receiving node", "remove it there")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        mount_point = Path(line.split()[1].encode().decode("unicode_escape"))
        if stage.service.owns and mount_point.is_relative_to(stage.owned):
            raise Refused(
                f"{mount_point}: something is mounted there on the receiving node", f"umount {mount_point}, there"
            )


def _set_owners_and_modes(stage: Stage, entries: Mapping[str, Entry]) -> None:
    """Of the directories; files have theirs since they were written."""
    owner_of = staged_files.owners()
    # Deepest first, so that a directory without write permission is not in the way of what lies in it.
    for entry in sorted(_directories(entries), key=lambda entry: entry.path, reverse=True):
        uid, gid, mode = owner_of(entry)
        os.chown(_target(stage, entry), uid, gid)
        os.chmod(_target(stage, entry), mode)
    if stage.owned.exists():
        status = stage.owned.stat()
        os.chown(stage.tree, status.st_uid, status.st_gid)
        stage.tree.chmod(status.st_mode & 0o7777)
    elif stage.service.owns:
        os.chown(stage.tree, 0, grp.getgrnam(stage.service.account.user).gr_gid)
        stage.tree.chmod(0o750)


def arm(stage: Stage, now: Content, **known: Any) -> Transaction:
    """Note the transaction that brings back what is here now; `known` are its fields about the push. From here on what is
    done to the service can be undone."""
    sha256 = applied.sha256(stage.title, now.digest) or content.sha256(now, stage.service)
    armed = Transaction(
        "armed", stage.title, block=now.block, existed=stage.owned.exists(), inode=_inode(stage.owned),
        applied=applied.context_digest(stage.title), sha256=sha256, **known,
    )  # fmt: skip
    transaction.write(armed, stage.journal)
    return armed


def swap(stage: Stage, block: str) -> None:
    """Put the staged files and the block in place."""
    if stage.service.owns and stage.owned.exists():
        native.exchange(stage.tree, stage.owned)
    elif stage.service.owns:
        stage.tree.rename(stage.owned)
    fault_point("receive.exchanged")
    _write_block(stage, block)


def require_unchanged(stage: Stage, before: Content, proposal: Proposal) -> None:
    """Refused if what was swapped out is not what was compared, or what was swapped in not what was staged: somebody wrote there
    in the meantime."""
    owned = Path(stage.service.owns)
    for entries, top in ((before.entries, stage.tree), (proposal.entries, stage.owned)):
        if stage.service.owns and not manifest.is_same(entries, top, named=owned):
            raise _changed_meanwhile(stage.title)


def is_written_after_swap(stage: Stage) -> bool:
    """Has somebody written to what was swapped out, once it was? The swap set the time of its directory, and what was written
    before has been compared. What has a time that is still to come says nothing: the clock was set back since."""
    if not stage.service.owns or not stage.tree.is_dir():
        return False
    now = time.time_ns()
    with directory.descriptor(stage.tree) as top:
        swapped = os.fstat(top)
        found = [one for _, place, names in directory.walk(top, lambda path: False) for one in _changes(names, place)]
        return any(swapped.st_ctime_ns <= changed <= now for changed in (swapped.st_mtime_ns, *found))


def _changes(names: list[str], place: int) -> list[int]:
    """When each of these changed last, in nanoseconds."""
    numbers = native.STATUS.size // 8
    return memoryview(native.stat_names(names, place)).cast("q")[numbers - 1 :: numbers].tolist()


def take_snapshot(proposal: Proposal, context: Context, before: Content, warnings: str) -> None:
    """Copy what was swapped in, before it is loaded; Refused if that is not what was staged. Of files that stay as they are, what
    is applied has a copy already."""
    title, digest = proposal.title, proposal_changes.proposed_digest(proposal)
    kept = _kept_files(proposal, before) if applied.digest(title) == before.digest else set[str]()
    applied.take_snapshot(proposal.service, context, warnings=warnings, same=kept)
    if kept and applied.snapshot_digest(title) != digest:  # somebody wrote into that copy
        applied.take_snapshot(proposal.service, context, warnings=warnings)
    if applied.snapshot_digest(title) != digest:
        raise _changed_meanwhile(title)


def _kept_files(proposal: Proposal, before: Content) -> set[str]:
    """Below the service's directory, the paths of files that stay as they are."""
    start = len(proposal.service.owns) + 1
    return {
        path[start:]
        for path, entry in proposal.entries.items()
        if entry.kind == "file" and before.entries.get(path) == entry
    }


def _changed_meanwhile(title: str) -> Refused:
    return Refused(f"service {title} was changed on the receiving node during the push", "push again")


def swap_back(stage: Stage, old: Transaction) -> None:
    """Put in place what was there before the swap, wherever that is now; harmless where nothing was swapped. What was there
    instead is in the stage then."""
    if stage.service.owns and old.existed and _inode(stage.owned) != old.inode:
        for aside in (stage.tree, stage.applied_copy):
            if _inode(aside) == old.inode:
                native.exchange(aside, stage.owned)
    elif stage.service.owns and not old.existed and stage.owned.exists() and not stage.tree.exists():
        stage.owned.rename(stage.tree)
    fault_point("undo.exchanged")
    _write_block(stage, old.block)


@contextmanager
def applied_files_in_place(stage: Stage, files_of: Path) -> Iterator[None]:
    """Have a copy of these files where the service's own are, for as long as something is loaded from them."""
    directories.remove(stage.applied_copy)
    directories.copy(files_of, stage.applied_copy)
    native.exchange(stage.applied_copy, stage.owned)
    try:
        yield
    finally:
        native.exchange(stage.applied_copy, stage.owned)


def remove(stage: Stage) -> None:
    """Remove the stage; the journal first, for without it nothing is open."""
    stage.journal.unlink(missing_ok=True)
    with suppress(OSError):
        directories.remove(stage.directory)


def abandoned_titles(top: Path = STAGING) -> list[str]:
    """The services with a stage in which nothing is open: whoever filled it, or was about to remove it, was killed."""
    return sorted(path.parent.name for path in top.glob("*/tree") if not transaction.is_open(path.parent.name, top))


def remove_abandoned(title: str, top: Path = STAGING) -> None:
    """Remove the files in such a stage: the room that they take is needed. What is lent there is not touched."""
    if not transaction.is_open(title, top):
        directories.remove(top / title / "tree")


def proposed_document(stage: Stage, proposal: Proposal) -> Document:
    """The whole config.rc as it will be once the proposal is in it."""
    return edit.replace_block(document.read(stage.config), Title.parse(stage.title), proposal.block.text)


def _write_block(stage: Stage, text: str) -> None:
    with hold(CONFIG):
        before = document.read(stage.config)
        after = edit.replace_block(before, Title.parse(stage.title), text)
        if after.text != before.text:
            edit.write(after, stage.config)


def _inode(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def current_content(stage: Stage) -> Content:
    """What the service is now."""
    block = document.read(stage.config).find_unique(Title.parse(stage.title))
    return content.read(stage.service, block)
