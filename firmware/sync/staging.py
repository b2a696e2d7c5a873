"""Staging and swapping: how a service's new state gets below /etc in one step, and out of it again.

/etc/.staging/TITLE holds `tree` (the new files, later the old ones) and `journal`. The journal is written before anything
is swapped and removed when the outcome is final; where one is found later, the old state is put back.
"""

import base64
import grp
import json
import os
import pwd
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from firmware import files, manifest, native
from firmware.errors import Failure, Refused
from firmware.manifest import Entry
from firmware.rc import document, edit
from firmware.services import content, control
from firmware.services.content import Content
from firmware.services.definition import Service
from firmware.sync.proposal import Proposal

TOP = Path("/etc/.staging")


@dataclass(frozen=True, slots=True)
class Stage:
    """A place where a service's new state is made ready. `owned` is the directory that will be swapped with `tree`."""

    service: Service
    title: str
    place: Path
    owned: Path
    config: Path

    @property
    def tree(self) -> Path:
        """The staged directory; after the swap it holds what was there before."""
        return self.place / "tree"

    @property
    def journal(self) -> Path:
        """The record by which an interrupted swap is undone."""
        return self.place / "journal"


def stage_of(service: Service, title: str, *, top: Path = TOP, config: Path = Path(document.PATH)) -> Stage:
    """The stage of a service."""
    return Stage(service, title, top / title, Path(service.owns) if service.owns else top / title / "none", config)


def fill(stage: Stage, proposal: Proposal, now: Content) -> None:
    """Write the proposed files: those that came with it, and those that are here already; then prove that they are right."""
    clear(stage)
    stage.place.parent.mkdir(mode=0o700, exist_ok=True)
    stage.place.mkdir(mode=0o700)
    stage.tree.mkdir(mode=0o700)
    here = {entry.digest: path for path, entry in now.entries.items() if entry.kind == "file"}
    for entry in proposal.entries.values():
        target = stage.tree / PurePosixPath(entry.path).relative_to(stage.service.owns)
        if entry.kind == "dir":
            target.mkdir(mode=0o700)
        else:
            data = proposal.contents.get(entry.digest)
            _write(target, data if data is not None else Path(here[entry.digest]).read_bytes())
    _dress(stage, proposal.entries)
    found = manifest.scan(stage.tree, named=Path(stage.service.owns or "/"))
    if wrong := [*manifest.differing(proposal.entries, found)]:
        for paths in wrong:
            if paths:
                raise Failure(f"{paths[0]}: it could not be staged as it was sent")


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _dress(stage: Stage, entries: Mapping[str, Entry]) -> None:
    # Deepest first, so that a directory without write permission is not in the way of what lies in it.
    for entry in sorted(entries.values(), key=lambda entry: entry.path, reverse=True):
        target = stage.tree / PurePosixPath(entry.path).relative_to(stage.service.owns)
        os.chown(target, pwd.getpwnam(entry.owner).pw_uid, grp.getgrnam(entry.group).gr_gid)
        target.chmod(entry.mode)
    if stage.owned.exists():
        status = stage.owned.stat()
        os.chown(stage.tree, status.st_uid, status.st_gid)
        stage.tree.chmod(status.st_mode & 0o7777)
    elif stage.service.owns:
        os.chown(stage.tree, 0, grp.getgrnam(stage.service.account.user).gr_gid)
        stage.tree.chmod(0o750)


def arm(stage: Stage, now: Content) -> None:
    """Write the journal: from here on, `recover` brings the old state back, whatever happens."""
    record = {
        "block": base64.b64encode(now.block.encode()).decode(),
        "existed": stage.owned.exists(),
        "inode": _inode(stage.owned),
    }
    files.write(stage.journal, json.dumps(record).encode(), mode=0o600)


def swap(stage: Stage, block: str) -> None:
    """Put the staged files and the block in place."""
    if stage.service.owns:
        stage.owned.mkdir(mode=0o700, exist_ok=True)
        native.exchange(stage.tree, stage.owned)
    _put_block(stage, block)


def unchanged(stage: Stage, before: Content) -> None:
    """Refused if what was swapped out is not what was compared: somebody wrote there in the meantime."""
    if stage.service.owns:
        found = manifest.scan(stage.tree, named=Path(stage.service.owns))
        if any(manifest.differing(before.entries, found)):
            raise Refused(f"service {stage.title} was changed on the receiving node during the push", "push again")


def put_back(stage: Stage) -> None:
    """Undo a swap, as far as it went; harmless where nothing was swapped."""
    record = json.loads(stage.journal.read_bytes())
    if stage.service.owns and stage.tree.exists() and record["existed"] and _inode(stage.owned) != record["inode"]:
        native.exchange(stage.tree, stage.owned)
    elif stage.service.owns and not record["existed"] and stage.owned.exists():
        shutil.rmtree(stage.owned)
    _put_block(stage, base64.b64decode(record["block"]).decode())


def clear(stage: Stage) -> None:
    """Remove the stage; the journal first, for without it nothing is pending."""
    stage.journal.unlink(missing_ok=True)
    shutil.rmtree(stage.place, ignore_errors=True)


def interrupted(top: Path = TOP) -> list[str]:
    """The titles of services whose swap was begun and not ended."""
    return sorted(path.parent.name for path in top.glob("*/journal"))


def _put_block(stage: Stage, text: str) -> None:
    name, _, instance = stage.title.partition(".")
    with control.lock("config.rc"):
        before = document.read(stage.config)
        after = edit.replace_block(before, name, instance, text)
        if after.text != before.text:
            edit.write(after, stage.config)


def _inode(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def current(stage: Stage) -> Content:
    """What the service is now."""
    name, _, instance = stage.title.partition(".")
    block = document.read(stage.config).find(name, instance)
    return content.read(stage.service, block)
