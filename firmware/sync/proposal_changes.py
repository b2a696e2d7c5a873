"""A proposal beside what a node has: what is missing, what would change, and the digest that it would have."""

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from firmware import manifest, native
from firmware.errors import Refused
from firmware.manifest import Entry
from firmware.services import content
from firmware.services.content import Content
from firmware.sync.file_change import FileChange, FileFacts
from firmware.sync.proposal import Proposal

CONFIG = "/etc/config.rc"
#: paths that an answer lists all; and of more, how many: it lies in memory several times, in a journal and in a report
MOST_LISTED, FIRST_LISTED = 4096, 1000
#: held while two versions of a file are compared, which takes as much memory as both have and more
_comparing = threading.Lock()


def proposed_digest(proposal: Proposal) -> str:
    """The digest that the service has once the proposal is in place."""
    return proposal.state or content.digest(proposal.block, proposal.entries)


def missing_contents(proposal: Proposal, now: Content) -> tuple[str, ...]:
    """The digests of files that neither came with the proposal nor are here already. Refused if what is here already has
    another size than the proposal says, by which it was found to be not too large."""
    sizes = {entry.digest: entry.size for entry in now.entries.values() if entry.kind == "file"}
    wanted = {entry.digest: entry for entry in proposal.entries.values() if entry.kind == "file"}
    for digest, entry in wanted.items():
        if sizes.get(digest, entry.size) != entry.size:
            raise Refused(f"{entry.path}: {entry.size} bytes: a file with this digest has {sizes[digest]}")
    return tuple(sorted(wanted.keys() - sizes.keys() - set(proposal.contents)))


def changes(proposal: Proposal, now: Content, *, diff: bool) -> "Changed":
    """What the proposal would change here, with `diff` the difference as text, too, where it may be shown."""
    texts = _Texts(proposal, now) if diff else None
    differing = manifest.compare(now.entries, proposal.entries)
    kinds = {path: "added" for path in differing.added} | {path: "removed" for path in differing.removed}
    paths, listed = sorted(differing.paths), list[FileChange]()
    if now.statements != proposal.block.statements:
        listed.append(_block_change(proposal, now, diff))
    shown = paths if len(paths) <= MOST_LISTED else paths[:FIRST_LISTED]
    for path in shown:
        old, new = now.entries.get(path), proposal.entries.get(path)
        text = texts.between(old, new) if texts else None
        listed.append(FileChange(path, kinds.get(path, "changed"), _facts(old), _facts(new), text))
    return Changed(tuple(listed), len(paths) - len(shown))


@dataclass(frozen=True, slots=True)
class Changed:
    """What a proposal would change: the paths, or the first of them, and how many more there are."""

    listed: tuple[FileChange, ...]
    more: int

    def __bool__(self) -> bool:
        return bool(self.listed)


def _block_change(proposal: Proposal, now: Content, diff: bool) -> FileChange:
    from firmware.store.textdiff import unified_diff

    old, new = (text.encode("utf-8", "surrogateescape") for text in (now.block, proposal.block.text))
    config = manifest.entry_at(Path(CONFIG))
    before, after = (
        _facts(replace(config, digest=native.bytes_digest(text), size=len(text))) if config and text else None
        for text in (old, new)
    )
    text = unified_diff(CONFIG, old, new) if diff else None
    return FileChange(CONFIG, "changed" if old else "added", before, after, text)


def _facts(entry: Entry | None) -> FileFacts | None:
    if entry is None:
        return None
    return FileFacts(entry.digest, f"{entry.mode:04o}", f"{entry.owner}:{entry.group}", entry.size)


class _Texts:
    """The differences of files as text, as many as a person reads."""

    def __init__(self, proposal: Proposal, now: Content) -> None:
        from firmware.store.textdiff import Differences

        self._sent, self._top = proposal.contents, Path(proposal.service.owns)
        self._here = {entry.digest: entry for entry in now.entries.values()}
        self._differences = Differences()

    def between(self, old: Entry | None, new: Entry | None) -> str | None:
        """The difference of two versions of a file, None where it is not to be shown."""
        path = new.path if new else old.path if old else ""
        size = max(one.size if one else 0 for one in (old, new))
        with _comparing:
            return self._differences.between(path, lambda: self._bytes(old), lambda: self._bytes(new), size)

    def _bytes(self, entry: Entry | None) -> bytes | None:
        if entry is None or entry.kind != "file":
            return None
        if entry.digest in self._sent:
            return self._sent[entry.digest]
        return manifest.read_with_digest(self._top, os.path.relpath(self._here[entry.digest].path, self._top))[0]
