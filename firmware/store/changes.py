"""What differs below /etc: from what a reboot would bring back, from the factory, from a generation; also as text."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware import directory, manifest
from firmware.manifest import Entry
from firmware.printable import escape
from firmware.store import confidential, flash, rules, saved_state, snapshot, textdiff
from firmware.store.archive import Archive
from firmware.store.paths import NODE, Paths, relative_path
from firmware.store.rules import Rules
from firmware.store.snapshot import Target


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths that were added, changed and removed, each in order."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def between(cls, old: Mapping[str, Entry], new: Mapping[str, Entry]) -> "Changes":
        """What changed from one table of entries to another."""
        found = manifest.compare(old, new)
        return cls(found.added, found.changed, found.removed)

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, in order."""
        return tuple(sorted((*self.added, *self.changed, *self.removed)))

    def without_quiet(self, node_rules: Rules) -> "Changes":
        """Only those that are changes by themselves."""
        groups = (self.added, self.changed, self.removed)
        return Changes(*(tuple(path for path in group if not node_rules.is_quiet(path)) for group in groups))

    def json(self) -> dict[str, list[str]]:
        """As others read it."""
        return {"added": list(self.added), "changed": list(self.changed), "removed": list(self.removed)}


def unsaved_changes(*, live: Mapping[str, Entry] | None = None, paths: Paths = NODE) -> Changes:
    """What a reboot would take away. Quiet paths don't count. `live`: the entries below /etc, for who has them already.

    Quick: only /etc itself is read, never the flash, unless that was touched.
    """
    with flash.convert_os_errors(paths.etc):
        node_rules = rules.load_tolerant(paths)
        now = snapshot.savable(live, node_rules) if live is not None else snapshot.current_entries(node_rules, paths)
        saved = snapshot.savable(saved_state.load(paths).entries, node_rules)
        return Changes.between(saved, now).without_quiet(node_rules)


@dataclass(frozen=True, slots=True)
class Difference:
    """One path. `diff` is the unified difference of its content, None if that may not or cannot be shown; `about` says in
    words what else is to be said."""

    path: str
    change: str
    diff: str | None
    about: tuple[str, ...]

    @property
    def text(self) -> str:
        """As lines."""
        return "".join(f"{line}\n" for line in self.about) + (self.diff or "")

    def json(self) -> dict[str, Any]:
        """As others read it."""
        return {"path": self.path, "change": self.change, "diff": self.diff, "about": list(self.about)}


def differences(saved: Archive | None, *, paths: Paths = NODE) -> list[Difference]:
    """How /etc differs from a generation, or from the factory if that is None. Quiet paths are left out."""
    target = snapshot.compose(saved, paths)
    with flash.convert_os_errors(paths.etc):
        node_rules = rules.load_tolerant(paths)
        now = snapshot.current_entries(node_rules, paths)
        changes = Changes.between(snapshot.savable(target.entries, node_rules), now).without_quiet(node_rules)
        kinds = {path: kind for kind, group in changes.json().items() for path in group}
        texts = textdiff.Differences()

        def read_new(path: str) -> bytes:
            if now[path].kind == "link":
                return _read_link(paths.etc, relative_path(path))
            return manifest.read_with_digest(paths.etc, relative_path(path))[0]

        return [_difference(path, kinds[path], target, now.get(path), read_new, texts) for path in changes.paths]


def differences_between(old: Archive | None, new: Archive | None, *, paths: Paths = NODE) -> list[Difference]:
    """How one generation differs from another; None is the factory."""
    before, after = snapshot.compose(old, paths), snapshot.compose(new, paths)
    changes = Changes.between(before.entries, after.entries).without_quiet(after.rules)
    kinds = {path: kind for kind, group in changes.json().items() for path in group}
    entries, texts = after.entries, textdiff.Differences()

    def read_new(path: str) -> bytes:
        return os.fsencode(after.items[path].target) or after.content(path)

    return [_difference(path, kinds[path], before, entries.get(path), read_new, texts) for path in changes.paths]


def _difference(
    path: str,
    change: str,
    target: Target,
    new: Entry | None,
    read_new: Callable[[str], bytes],
    texts: textdiff.Differences,
) -> Difference:
    old = target.items[path].entry if path in target.items else None
    link = os.fsdecode(read_new(path)) if new is not None and new.kind == "link" else ""
    leads_to = target.items[path].target if old is not None else "", link
    about = [f"{escape(path)}: {words}" for words in _attribute_changes(old, new, leads_to)]
    if max(one.size if one else 0 for one in (old, new)) > textdiff.LARGEST:
        return Difference(path, change, textdiff.TOO_LARGE, tuple(about))
    before = target.content(path) if old is not None and old.kind == "file" else None
    is_file = new is not None and new.kind == "file"
    after = read_new(path) if is_file else None
    if before is None and after is None:
        return Difference(path, change, None, tuple(about))
    diff = texts.between(path, lambda: before, lambda: after)
    if diff is None:
        secret = confidential.secret_kind(path, before, after)
        about.append(f"{f'{secret}, not shown' if secret else 'binary files differ'}: {escape(path)}")
    return Difference(path, change, diff, tuple(about))


def _attribute_changes(old: Entry | None, new: Entry | None, leads_to: tuple[str, str]) -> list[str]:
    """What differs besides a file's content; `leads_to`: where the links lead."""
    before, after = map(escape, leads_to)
    if old is None or new is None:
        entry, verb = (new, "added") if new else (old, "removed")
        about = f"mode {entry.mode:04o}, owner {entry.owner}:{entry.group}" if entry else ""
        return (
            [f"{verb}, a {_kind_name(entry)}{f' to {before or after}' * (entry.kind == 'link')}, {about}"]
            if entry
            else []
        )
    words = []
    if old.kind != new.kind:
        words.append(f"a {_kind_name(old)} before, now a {_kind_name(new)}")
    elif old.kind == "link" and old.digest != new.digest:
        words.append(f"the link led to {before}, now to {after}")
    if old.mode != new.mode and "link" not in (old.kind, new.kind):
        words.append(f"mode {old.mode:04o} before, now {new.mode:04o}")
    if (old.owner, old.group) != (new.owner, new.group):
        words.append(f"owner {old.owner}:{old.group} before, now {new.owner}:{new.group}")
    return words


def _read_link(top: Path, path: str) -> bytes:
    with directory.parent(top, path) as (place, name):
        return os.fsencode(os.readlink(name, dir_fd=place))


def _kind_name(entry: Entry) -> str:
    return {"dir": "directory", "link": "symbolic link"}.get(entry.kind, entry.kind)
