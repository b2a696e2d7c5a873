"""Trees below /etc: the one that runs, and the one that a saved generation and the factory's files make together."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware import manifest
from firmware.errors import Failure, Invalid, Refused
from firmware.manifest import Entry
from firmware.printable import quote_path
from firmware.rc import document
from firmware.store import rules
from firmware.store.archive import Archive, Draft, Item, refuse_excess
from firmware.store.places import CONFIG, ETC, NODE, Places
from firmware.store.rules import Rules

SAVED_KINDS = ("file", "dir", "link")
TRIES = 5
#: how often what is saved lies in memory at a time: as it was read, in the archive, and read back; and room for all else
COPIES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """What /etc is to be: every path with all that belongs to it, from a generation or else from the factory."""

    items: Mapping[str, Item]
    archive: Archive | None
    rules: Rules
    places: Places

    @property
    def entries(self) -> dict[str, Entry]:
        """Its entries, sorted."""
        return {path: self.items[path].entry for path in sorted(self.items)}

    def content(self, path: str) -> bytes:
        """The bytes of a file in it."""
        if self.archive is not None and path in self.archive.offsets:
            return self.archive.content(path)
        return manifest.read(self.places.in_factory(path))[0]

    def config(self) -> bytes:
        """The bytes of its config.rc; none if it has no such file."""
        item = self.items.get(CONFIG)
        return self.content(CONFIG) if item is not None and item.entry.kind == "file" else b""


def running(laws: Rules, places: Places = NODE) -> dict[str, Entry]:
    """The entries below /etc as it is now, without what is never saved."""
    return clean(manifest.scan(places.etc, named=ETC, skip=laws.ignores), laws)


def unsavable(laws: Rules, places: Places = NODE) -> list[str]:
    """The paths of sockets, pipes and devices, which are not saved."""
    found = manifest.scan(places.etc, named=ETC, skip=laws.ignores)
    return [path for path, entry in found.items() if entry.kind not in SAVED_KINDS]


def clean(entries: Mapping[str, Entry], laws: Rules) -> dict[str, Entry]:
    """`entries` without what is never saved: by the rules, and sockets, pipes and devices."""
    return {path: entry for path, entry in entries.items() if entry.kind in SAVED_KINDS and not laws.ignores(path)}


def factory(laws: Rules, places: Places = NODE) -> dict[str, Item]:
    """The factory's /etc. Its owners are meant by number: its own passwd goes with it."""
    found = clean(manifest.scan(places.factory, named=ETC, skip=laws.ignores), laws)
    return {path: _item(entry, places.in_factory(path)) for path, entry in found.items()}


def compose(archive: Archive | None, places: Places = NODE) -> Target:
    """The factory's tree with an archive over it; the firmware may be another one than that which saved it.

    What it ignores is up to the rules that it has itself: those in the archive, or else the factory's.
    """
    own = archive.content(rules.FILE) if archive and rules.FILE in archive.offsets else None
    laws = rules.sane(own, places)
    items = factory(laws, places)
    if archive is not None:
        _lay_over(items, archive, laws)
    return Target(items, archive, laws, places)


def _lay_over(items: dict[str, Item], archive: Archive, laws: Rules) -> None:
    covered = {path for path, item in archive.items.items() if item.entry.kind != "dir"} | set(archive.removed)
    for path in [path for path in items if any(parent in covered for parent in and_parents(path))]:
        del items[path]
    for path, item in archive.items.items():
        if laws.ignores(path):
            continue
        for parent in and_parents(path)[1:]:
            if parent not in items or items[parent].entry.kind != "dir":
                items[parent] = _plain_directory(parent)
        items[path] = item


def draft(laws: Rules, places: Places = NODE) -> Draft:
    """What differs from the factory at one moment.

    Nothing is locked. Instead the whole tree is looked at again once everything has been read, and if anything has
    moved meanwhile, it is read anew: so what is saved is one state, not a mixture.
    """
    base = {path: item.entry for path, item in factory(laws, places).items()}
    before, moving = running(laws, places), ""
    for _ in range(TRIES):
        found = _take(base, before, places)
        after = running(laws, places)
        if found is not None and after == before:
            return found
        moving = next((path for paths in manifest.differing(before, after) for path in paths), str(ETC))
        before = after
    raise Failure(f"{moving}: it keeps changing while it is being read", "try again when nobody writes there")


def _take(base: Mapping[str, Entry], now: Mapping[str, Entry], places: Places) -> Draft | None:
    """What differs, with its contents; None if something has moved since `now`."""
    added, changed, removed = manifest.differing(base, now)
    # Before it lies in memory: somebody may have put 12 GB there.
    kept = [now[path] for path in added + changed]
    refuse_excess(len(kept) + len(removed), sum(entry.size for entry in kept))
    _refuse_unaffordable(kept, _memory())
    items, contents = {}, {}
    try:
        for path in added + changed:
            items[path] = _item(now[path], places.on_disk(path))
            if now[path].kind == "file":
                contents[path], digest = manifest.read(places.on_disk(path))
                if digest != now[path].digest:
                    return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Draft(items, contents, tuple(removed))


def _refuse_unaffordable(kept: list[Entry], memory: int) -> None:
    """Failure, with the largest file, if there is no room in memory for COPIES of what is saved: the kernel would kill us."""
    size = sum(entry.size for entry in kept)
    if COPIES * size > memory:
        largest = max(kept, key=lambda entry: entry.size)
        raise Failure(
            f"too much to be saved: {size / 2**20:.1f} MiB take {COPIES} times as much memory, and {memory >> 20} MiB are "
            f"free; the largest is {quote_path(largest.path)}, {largest.size / 2**20:.1f} MiB",
            "config changes lists what would be saved",
        )


def _memory(path: Path = Path("/proc/meminfo")) -> int:
    """The bytes of memory that can be had without pushing anything out, as the kernel reckons."""
    found = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(found["MemAvailable"].split()[0]) * 1024


def check_config(data: bytes) -> None:
    """Refuse a config.rc with which a node could not start: Refused if it is empty, Invalid if it cannot be parsed."""
    if not data.strip():
        raise Refused(f"{CONFIG}: it is missing or empty", "config diff factory, or config restore")
    try:
        document.parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise Invalid(f"{CONFIG}: not UTF-8", problems=[f"{CONFIG}:{number}: it is not UTF-8"]) from None


def _item(entry: Entry, path: Path) -> Item:
    status = path.lstat()
    target = os.readlink(path) if entry.kind == "link" else ""
    mtime = min(max(int(status.st_mtime), 0), 2**33 - 1) if entry.kind == "file" else 0
    return Item(entry, status.st_uid, status.st_gid, mtime, target)


def _plain_directory(path: str) -> Item:
    return Item(Entry(path, "dir", 0o755, "root", "root", 0, ""), 0, 0, 0, "")


def and_parents(path: str) -> list[str]:
    """`path` and the directories above it, below /etc."""
    found = [path]
    while (path := path.rpartition("/")[0]) != str(ETC):
        found.append(path)
    return found
