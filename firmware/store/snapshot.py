"""What lies below /etc at one moment, and the tree that a saved generation and the factory's files make together."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from firmware import directory, manifest
from firmware.errors import Failure, Refused
from firmware.manifest import Entry
from firmware.printable import escape
from firmware.rc import document
from firmware.store import archive, flash, rules
from firmware.store.archive import Archive, Draft
from firmware.store.archive.item import Item, ancestry
from firmware.store.paths import CONFIG, ETC, NODE, Paths, relative_path
from firmware.store.rules import Rules

SAVED_KINDS = ("file", "dir", "link")
TRIES = 5
#: how often there is room in memory for what is saved: it lies there twice (as it was read or read back, and in the archive),
#: and as much is left for all else
COPIES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """What /etc is to be: every path with all that belongs to it, from a generation or else from the factory."""

    items: Mapping[str, Item]
    archive: Archive | None
    rules: Rules
    paths: Paths

    @property
    def entries(self) -> dict[str, Entry]:
        """Its entries, sorted."""
        return {path: self.items[path].entry for path in sorted(self.items)}

    def content(self, path: str) -> bytes:
        """The bytes of a file in it."""
        if self.archive is not None and path in self.archive.offsets:
            return self.archive.content(path)
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
    found = manifest.scan(paths.etc, named=ETC, leave_out=node_rules.ignored)
    return [path for path, entry in found.items() if entry.kind not in SAVED_KINDS]


def savable(entries: Mapping[str, Entry], node_rules: Rules) -> dict[str, Entry]:
    """`entries` without what is never saved: by the rules, and sockets, pipes and devices."""
    return {
        path: entry for path, entry in entries.items() if entry.kind in SAVED_KINDS and not node_rules.ignores(path)
    }


def factory_items(node_rules: Rules, paths: Paths = NODE) -> dict[str, Item]:
    """The factory's /etc. Its owners are meant by number: its own passwd goes with it."""
    found = savable(manifest.scan(paths.factory, named=ETC, leave_out=node_rules.ignored), node_rules)
    return {path: _item(entry, paths.factory) for path, entry in found.items()}


def compose(saved: Archive | None, paths: Paths = NODE) -> Target:
    """The factory's tree with an archive over it; the firmware may be another one than that which saved it.

    What it ignores is up to the rules that it has itself: those in the archive, or else the factory's. Failure if the
    factory's files cannot be read.
    """
    text = saved.content(rules.FILE) if saved and rules.FILE in saved.offsets else None
    target_rules = rules.parse_tolerant(text.decode("utf-8", "surrogateescape") if text is not None else None, paths)
    with flash.convert_os_errors(paths.factory):
        items = factory_items(target_rules, paths)
    if saved is not None:
        _lay_over(items, saved, target_rules)
        if CONFIG in saved.items:
            items[CONFIG] = _secret(items[CONFIG])
    return Target(items, saved, target_rules, paths)


def _lay_over(items: dict[str, Item], saved: Archive, target_rules: Rules) -> None:
    covered = {path for path, item in saved.items.items() if item.entry.kind != "dir"} | set(saved.removed)
    for path in [path for path in items if any(parent in covered for parent in ancestry(path))]:
        del items[path]
    for path, item in saved.items.items():
        if target_rules.ignores(path):
            continue
        for parent in ancestry(path):
            if parent != path and (parent not in items or items[parent].entry.kind != "dir"):
                items[parent] = _plain_directory(parent)
        items[path] = item


def capture(node_rules: Rules, paths: Paths = NODE) -> Draft:
    """What differs from the factory at one moment.

    Nothing is locked. Instead the whole tree is looked at again once everything has been read, and if anything has
    moved meanwhile, it is read anew: so what is saved is one state, not a mixture.
    """
    base = {path: item.entry for path, item in factory_items(node_rules, paths).items()}
    before, moving = current_entries(node_rules, paths), ""
    for _ in range(TRIES):
        draft = _read_differing(base, before, paths)
        after = current_entries(node_rules, paths)
        if draft is not None and after == before:
            return draft
        moving = next(iter(manifest.compare(before, after).paths), str(ETC))
        before = after
    raise Failure(f"{moving}: it keeps changing while it is being read", "try again when nobody writes there")


def _read_differing(base: Mapping[str, Entry], now: Mapping[str, Entry], paths: Paths) -> Draft | None:
    """What differs from `base`, with its contents; None if something has moved since `now`."""
    found = manifest.compare(base, now)
    kept = found.added + found.changed
    # Before it lies in memory: somebody may have put 12 GB there.
    entries = [now[path] for path in kept]
    archive.refuse_excess(len(entries) + len(found.removed), sum(entry.size for entry in entries))
    _refuse_unaffordable(entries, _available_memory())
    items, contents = {}, {}
    try:
        for path in kept:
            items[path] = _item(now[path], paths.etc)
            if now[path].kind == "file":
                contents[path], digest = manifest.read_with_digest(paths.etc, relative_path(path))
                if digest != now[path].digest:
                    return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Draft(items, contents, found.removed)


def _refuse_unaffordable(entries: list[Entry], memory: int) -> None:
    """Failure, with the largest file, if there is no room in memory for COPIES of what is saved: the kernel would kill us."""
    size = sum(entry.size for entry in entries)
    if COPIES * size > memory:
        largest = max(entries, key=lambda entry: entry.size)
        raise Failure(
            f"too much to be saved: {size / 2**20:.1f} MiB take {COPIES} times as much memory, and {memory >> 20} MiB are "
            f"free; the largest is {escape(largest.path)}, {largest.size / 2**20:.1f} MiB",
            "config changes lists what would be saved",
        )


def _available_memory(path: Path = Path("/proc/meminfo")) -> int:
    """The bytes of memory that can be had without pushing anything out, as the kernel reckons."""
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


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
