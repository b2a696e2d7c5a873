"""A proposal beside what a node has: what is missing, what would change, and the digest that it would have."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from firmware import manifest, native
from firmware.manifest import Entry
from firmware.services import content
from firmware.services.content import Content
from firmware.sync.proposal import Proposal

CONFIG = "/etc/config.rc"


def digest(proposal: Proposal) -> str:
    """The digest that the service has once the proposal is in place."""
    return content.digest(proposal.block, proposal.entries)


def lacking(proposal: Proposal, now: Content) -> list[str]:
    """The digests of files that neither came with the proposal nor are here already."""
    here = {entry.digest for entry in now.entries.values()} | proposal.contents.keys()
    return sorted({entry.digest for entry in proposal.entries.values() if entry.kind == "file"} - here)


def changes(proposal: Proposal, now: Content, *, diff: bool) -> list[dict[str, Any]]:
    """What the proposal would change here: path, change, before, after, and with `diff` the difference as text, where it
    may be shown."""
    from firmware.textdiff import text_diff

    found: list[dict[str, Any]] = []
    for change, paths in zip(
        ("added", "changed", "removed"), manifest.differing(now.entries, proposal.entries), strict=True
    ):
        for path in paths:
            old, new = now.entries.get(path), proposal.entries.get(path)
            text = text_diff(path, _bytes(old), _sent(proposal, new, now)) if diff else None
            shape = {"before": _described(old), "after": _described(new)}
            found.append({"path": path, "change": change, **shape, "diff": text})
    found.sort(key=lambda item: str(item["path"]))
    if now.statements != proposal.block.statements:
        found.insert(0, _block_change(proposal, now, diff))
    return found


def _block_change(proposal: Proposal, now: Content, diff: bool) -> dict[str, Any]:
    from firmware.textdiff import text_diff

    old, new = now.block.encode(), proposal.block.text.encode()
    here = manifest.look(Path(CONFIG))
    before, after = (
        _described(replace(here, digest=native.bytes_digest(text), size=len(text))) if here and text else None
        for text in (old, new)
    )
    return {
        "path": CONFIG, "change": "changed" if old else "added", "before": before, "after": after,
        "diff": text_diff(CONFIG, old, new) if diff else None,
    }  # fmt: skip


def _described(entry: Entry | None) -> Mapping[str, Any] | None:
    if entry is None:
        return None
    return {
        "digest": entry.digest,
        "mode": f"{entry.mode:04o}",
        "owner": f"{entry.owner}:{entry.group}",
        "size": entry.size,
    }


def _bytes(entry: Entry | None) -> bytes | None:
    return manifest.read(Path(entry.path))[0] if entry and entry.kind == "file" else None


def _sent(proposal: Proposal, entry: Entry | None, now: Content) -> bytes | None:
    if entry is None or entry.kind != "file":
        return None
    data = proposal.contents.get(entry.digest)
    if data is not None:
        return data
    same = next(here for here in now.entries.values() if here.digest == entry.digest)
    return _bytes(same)
