"""What lies below /etc, and the tree that a saved generation and the factory's files make together."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from firmware import directory, manifest
from firmware.errors import Failure, Refused
from firmware.manifest import Entry
from firmware.rc import document
from firmware.store import flash, migrations, rules
from firmware.store.archive import Archive, Draft
from firmware.store.archive.item import Item, ancestry
from firmware.store.paths import CONFIG, ETC, NODE, Paths, relative_path
from firmware.store.rules import Rules

SAVED_KINDS = ("file", "dir", "link")


@dataclass(frozen=True, slots=True)
class Target:
    """What /etc is to be: every path with all that belongs to it, from a generation or else from the factory."""

    items: Mapping[str, Item]
    saved: Archive | Draft | None
    rules: Rules
    paths: Paths

    @property
    def entries(self) -> dict[str, Entry]:
        """Its entries, sorted."""
        return {path: self.items[path].entry for path in sorted(self.items)}

    def content(self, path: str) -> bytes:
        """The bytes of a file in it."""
        if self.saved is not None and self.saved.has_content(path):
            return self.saved.content(path)
        return manifest.read_with_digest(self.paths.factory, relative_path(path))[0]

    def config(self) -> bytes:
        """The bytes of its config.rc; none if it has no such file."""
        item = self.items.get(CONFIG)
        return self.content(CONFIG) if item is not None and item.entry.kind == "file" else b""


def current_entries(node_rules: Rules, paths: Paths = NODE) -> dict[str, Entry]:
    """The entries below /etc as it is now, without what is never saved."""
    return savable(manifest.scan(paths.etc, named=ETC, leave_out=node_rules.ignored), node_rules)


def unsavable_paths(node_rules: Rules, paths: Paths = NODE) -> list[str]:
    """The paths of sockets, pipes and devices below /etc, which are not saved."""
    with directory.descriptor(paths.etc) as top:
        return sorted(_unsavable_below(top, node_rules))


def _unsavable_below(top: int, node_rules: Rules) -> Iterator[str]:
    for below, place, names in directory.walk(top, lambda path: node_rules.ignores(f"{ETC}/{path}")):
        for name in names:
            with suppress(FileNotFoundError):
                kind = stat.S_IFMT(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode)
                if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                    yield "/".join(filter(None, (str(ETC), below, name)))


def savable(entries: Mapping[str, Entry], node_rules: Rules) -> dict[str, Entry]:
    """`entries` without what is never saved: by the rules, and sockets, pipes and devices."""
    return {
        path: entry for path, entry in entries.items() if entry.kind in SAVED_KINDS and not node_rules.ignores(path)
    }


@dataclass(frozen=True, slots=True)
class Base:
    """The factory's /etc without what the rules ignore. Its owners are meant by number: its own passwd goes with it."""

    items: Mapping[str, Item]
    rules: Rules


def read_base(node_rules: Rules, paths: Paths = NODE) -> Base:
    """The factory's tree as it is now. Failure if its files cannot be read."""
    with flash.convert_os_errors(paths.factory):
        found = savable(manifest.scan(paths.factory, named=ETC, leave_out=node_rules.ignored), node_rules)
        return Base({path: _item(entry, paths.factory) for path, entry in found.items()}, node_rules)


def read_files(names: Iterable[str], paths: Paths = NODE) -> Target:
    """What lies below /etc, as far as these names are those of files that can be read."""
    items, contents = dict[str, Item](), dict[str, bytes]()
    for path in names:
        with suppress(OSError, Failure):
            entry = manifest.entry_below(paths.etc, relative_path(path), path)
            if entry is None or entry.kind != "file":
                continue
            content, digest = manifest.read_with_digest(paths.etc, relative_path(path))
            if digest == entry.digest:
                items[path], contents[path] = _item(entry, paths.etc), content
    return Target(items, Draft(items, contents, ()), rules.load_tolerant(paths), paths)


def compose(saved: Archive | Draft | None, paths: Paths = NODE, *, base: Base | None = None) -> Target:
    """The factory's tree with an archive over it; the firmware may be another one than that which saved it.

    What it ignores is up to the rules that it has itself: those in the archive, or else the factory's. `base` is the factory's
    tree, for who has just read it, and captured `saved` by its rules. An archive of an older format is migrated first. Failure
    if the factory's files cannot be read, or a migration fails.
    """
    saved = migrations.current(saved) if isinstance(saved, Archive) else saved
    text = saved.content(rules.FILE) if saved and saved.has_content(rules.FILE) else None
    target_rules = rules.parse_tolerant(text.decode("utf-8", "surrogateescape") if text is not None else None, paths)
    is_without = base is not None and base.rules == target_rules
    if base is None or not is_without:
        base = read_base(target_rules, paths)
    items = dict(base.items)
    if saved is not None:
        _lay_over(items, saved, (lambda path: False) if is_without else target_rules.ignores)
        if CONFIG in saved.items:
            items[CONFIG] = _secret(items[CONFIG])
    return Target(items, saved, target_rules, paths)


def _lay_over(items: dict[str, Item], saved: Archive | Draft, ignores: Callable[[str], bool]) -> None:
    covered = {path for path, item in saved.items.items() if item.entry.kind != "dir"} | set(saved.removed)
    for path in [path for path in items if any(parent in covered for parent in ancestry(path))]:
        del items[path]
    last = ""
    for path, item in saved.items.items():
        if ignores(path):
            continue
        if (place := path.rpartition("/")[0]) != last:
            _make_directories_above(path, items)
            last = place
        items[path] = item


def _make_directories_above(path: str, items: dict[str, Item]) -> None:
    """Whatever lies in a directory has all those above it."""
    for parent in islice(ancestry(path), 1, None):
        if parent in items and items[parent].entry.kind == "dir":
            return
        items[parent] = _plain_directory(parent)


def require_bootable_config(data: bytes) -> None:
    """Refuse a config.rc with which a node could not start: Refused if it is empty, Invalid if it cannot be parsed."""
    if not data.strip():
        raise Refused(f"{CONFIG}: it is missing or empty", "config diff factory, or config restore")
    document.parse(data.decode("utf-8", "surrogateescape"))


def _item(entry: Entry, top: Path) -> Item:
    with directory.parent(top, relative_path(entry.path)) as (place, name):
        status = os.stat(name, dir_fd=place, follow_symlinks=False)
        target = os.readlink(name, dir_fd=place) if entry.kind == "link" else ""
    mtime = min(max(int(status.st_mtime), 0), 2**33 - 1) if entry.kind == "file" else 0
    return Item(entry, status.st_uid, status.st_gid, mtime, target)


def _secret(item: Item) -> Item:
    """A file that nobody but its owner may read, whatever an earlier firmware saved: config.rc may hold passwords."""
    entry = item.entry
    return replace(item, entry=replace(entry, mode=entry.mode & 0o700)) if entry.kind == "file" else item


def _plain_directory(path: str) -> Item:
    return Item(Entry(path, "dir", 0o755, "root", "root", 0, ""), 0, 0, 0, "")
