"""How /etc differs from something saved, path by path, as text for people."""

from dataclasses import dataclass
from typing import Any

from firmware import manifest
from firmware.manifest import Entry
from firmware.printable import quote_path
from firmware.store import changes, flash, generations, rules, tree
from firmware.store.places import NODE, Places
from firmware.store.tree import Target
from firmware.textdiff import secret, text_diff


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


def against(base: str | int, *, places: Places = NODE) -> list[Difference]:
    """How /etc differs from what is "saved", from the "factory", or from a generation. Quiet paths are left out."""
    if base == "factory":
        target = tree.compose(None, places)
    else:
        found = generations.load(base, places=places) if isinstance(base, int) else generations.current(places=places)
        target = tree.compose(found, places)
    with flash.naming(places.etc):
        laws = rules.own(places)
        now = tree.running(laws, places)
        found_changes = changes.without_quiet(changes.between(tree.clean(target.entries, laws), now), laws)
        change = {path: name for name, paths in found_changes.json().items() for path in paths}
        return [_difference(path, change[path], target, now.get(path), places) for path in found_changes.paths]


def _difference(path: str, change: str, target: Target, new: Entry | None, places: Places) -> Difference:
    old = target.items[path].entry if path in target.items else None
    before = target.content(path) if old is not None and old.kind == "file" else None
    after = manifest.read(places.on_disk(path))[0] if new is not None and new.kind == "file" else None
    about = [f"{quote_path(path)}: {words}" for words in _words(old, new)]
    if before is None and after is None:
        return Difference(path, change, None, tuple(about))
    diff = text_diff(path, before, after)
    if diff is None:
        hidden = secret(path, before, after)
        about.append(f"{f'{hidden}, not shown' if hidden else 'binary files differ'}: {quote_path(path)}")
    return Difference(path, change, diff, tuple(about))


def _words(old: Entry | None, new: Entry | None) -> list[str]:
    """What differs besides a file's content."""
    if old is None or new is None:
        one, verb = (new, "added") if new else (old, "removed")
        return [f"{verb}, a {_kind(one)}, mode {one.mode:04o}, owner {one.owner}:{one.group}"] if one else []
    found = []
    if old.kind != new.kind:
        found.append(f"a {_kind(old)} before, now a {_kind(new)}")
    elif old.kind == "link" and old.digest != new.digest:
        found.append("the link points elsewhere")
    if old.mode != new.mode and "link" not in (old.kind, new.kind):
        found.append(f"mode {old.mode:04o} before, now {new.mode:04o}")
    if (old.owner, old.group) != (new.owner, new.group):
        found.append(f"owner {old.owner}:{old.group} before, now {new.owner}:{new.group}")
    return found


def _kind(entry: Entry) -> str:
    return {"dir": "directory", "link": "symbolic link"}.get(entry.kind, entry.kind)
