"""What lies below /etc at one moment, with the contents of all that differs from the factory. `capture` is the whole story.

Every file is read and hashed once, whatever its time stamps say. Time stamps only tell that nothing moved while the others
were read, and where they are too young to tell, the file is hashed again.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from firmware import directory, manifest, native
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.printable import escape
from firmware.store import archive
from firmware.store.archive import Draft
from firmware.store.archive.item import Item
from firmware.store.paths import ETC, NODE, Paths
from firmware.store.snapshot import Base

TRIES = 5
#: how often there is room in memory for what is saved: its contents lie there once, and as much is left for all else
COPIES = 4
#: nanoseconds that a change must be old for the next one to have another time: five times the slowest clock tick of a kernel
TICK = 50_000_000
#: bytes that a path takes in an archive besides its content, at least: its header, and its row in the manifest
TAR_SHARE = 512 + 256
#: bytes of files that are read at once, unless a single one has more
AT_ONCE = 1 << 20

#: what `native.STATUS` holds of a path
Status = tuple[int, ...]
_FIELDS = _MODE, _UID, _GID, _INODE, _SIZE, _MTIME, _CTIME = range(7)
_SAVABLE = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}


@dataclass(frozen=True, slots=True)
class Listing:
    """What lay in one directory, `path` ("" for /etc itself) below /etc, that can be saved. `status` is theirs, as it came."""

    path: str
    names: list[str]
    status: bytes

    def paths(self) -> Iterator[tuple[str, Status]]:
        """Each path, `/etc/…`, with its status."""
        start = f"{ETC}/{self.path}/" if self.path else f"{ETC}/"
        return zip((start + name for name in self.names), native.STATUS.iter_unpack(self.status), strict=True)


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything below /etc that can be saved; `top` is the status of /etc itself."""

    top: bytes
    listings: list[Listing]

    @property
    def statuses(self) -> dict[str, Status]:
        """All paths, each with its status."""
        return {path: status for listing in self.listings for path, status in listing.paths()}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: every path's item, and the bytes of those files that differ from the factory's."""

    items: dict[str, Item] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)


def capture(base: Base, paths: Paths = NODE) -> Draft:
    """What differs from the factory's tree at one moment, without what its rules ignore.

    Nothing is locked. Instead the whole tree is looked at again once everything has been read, and if anything has
    moved meanwhile, it is read anew: so what is saved is one state, not a mixture.
    """
    manifest.forget_names()
    factory = {path: item.entry for path, item in base.items.items()}
    moving = str(ETC)
    for _ in range(TRIES):
        began = time.time_ns()
        before = _survey(base, paths)
        statuses = before.statuses
        _refuse_excess(factory, statuses)
        reading = _read_all(factory, before, paths)
        moving = _moved_path(before, statuses, reading, began - TICK, base, paths)
        if not moving:
            return _draft(factory, reading)
    raise Failure(f"{moving}: it keeps changing while it is being read", "try again when nobody writes there")


def _survey(base: Base, paths: Paths) -> Survey:
    """Sockets, pipes and devices cannot be saved."""
    is_ignored = base.rules.ignored.match
    with directory.descriptor(paths.etc) as top:
        own = native.stat_names(["."], top)
        found = directory.walk(top, lambda path: is_ignored(f"/etc/{path}"))
        return Survey(own, [_listing(path, place, names) for path, place, names in found])


def _listing(path: str, place: int, names: list[str]) -> Listing:
    status = native.stat_names(names, place)
    modes = memoryview(status).cast("q")[_MODE :: len(_FIELDS)].tolist()
    if {stat.S_IFMT(mode) for mode in {*modes}} <= _SAVABLE:
        return Listing(path, names, status)
    kept = [name for name, mode in zip(names, modes, strict=True) if stat.S_IFMT(mode) in _SAVABLE]
    return _listing(path, place, kept)


def _read_all(factory: Mapping[str, Entry], before: Survey, paths: Paths) -> Reading:
    """Everything in the survey but for what has gone or become something else since: then it has moved."""
    reading = Reading()
    for listing in before.listings:
        try:
            with directory.descriptor(paths.etc, listing.path) as place:
                _read_listing(listing, place, factory, reading)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return reading


def _read_listing(listing: Listing, place: int, factory: Mapping[str, Entry], reading: Reading) -> None:
    files = []
    for path, status in listing.paths():
        if stat.S_ISREG(status[_MODE]):
            files.append((path, status))
        elif stat.S_ISDIR(status[_MODE]):
            reading.items[path] = _item(path, "dir", status, 0, "")
        else:
            target = os.readlink(path.rpartition("/")[2], dir_fd=place)
            raw = os.fsencode(target)
            reading.items[path] = _item(path, "link", status, len(raw), native.bytes_digest(raw), target)
    for batch in _batches(files):
        _read_files(batch, place, factory, reading)


def _batches(files: list[tuple[str, Status]]) -> Iterator[list[tuple[str, Status]]]:
    """As many as may be read at once."""
    waiting, size = list[tuple[str, Status]](), 0
    for path, status in files:
        if size + status[_SIZE] > AT_ONCE and waiting:
            yield waiting
            waiting, size = [], 0
        waiting.append((path, status))
        size += status[_SIZE]
    yield waiting


def _read_files(batch: list[tuple[str, Status]], place: int, factory: Mapping[str, Entry], reading: Reading) -> None:
    """Whether a file is still the same is found out at the end; one that has another size by now is left out."""
    names = [path.rpartition("/")[2] for path, _ in batch]
    found = native.read_names(names, place, [status[_SIZE] + 1 for _, status in batch])
    for (path, status), one in zip(batch, found, strict=True):
        if isinstance(one, int):
            if one not in (errno.ENOENT, errno.ELOOP):
                raise OSError(one, os.strerror(one), path)
            continue
        content, digest = one
        if len(content) == status[_SIZE]:
            item = reading.items[path] = _item(path, "file", status, len(content), digest)
            if factory.get(path) != item.entry:
                reading.contents[path] = bytes(content)


def _item(path: str, kind: str, status: Status, size: int, digest: str, target: str = "") -> Item:
    mode, uid, gid, _, _, changed, _ = status
    mtime = min(max(changed // 10**9, 0), 2**33 - 1) if kind == "file" else 0
    owner, group = manifest.user_name(uid), manifest.group_name(gid)
    return Item(Entry(path, kind, mode & 0o7777, owner, group, size, digest), uid, gid, mtime, target)


def _moved_path(
    before: Survey, statuses: Mapping[str, Status], reading: Reading, young: int, base: Base, paths: Paths
) -> str:
    """A path that is not any more as it was read; "" if there is none. What changed since `young`, in nanoseconds, may have
    changed again without showing it, so that is looked into."""
    if statuses.keys() != reading.items.keys():
        return min(statuses.keys() ^ reading.items.keys())
    suspects = [path for path, status in statuses.items() if status[_CTIME] >= young]
    suspects += _changed_paths(before, paths)
    is_listed_anew = any(path not in statuses or stat.S_ISDIR(statuses[path][_MODE]) for path in suspects)
    if is_listed_anew and (moved := _survey(base, paths).statuses.keys() ^ statuses.keys()):
        return min(moved)
    entries = ((path, manifest.entry_at(paths.in_etc(path), path)) for path in suspects if path != str(ETC))
    return next((path for path, entry in entries if entry != reading.items[path].entry), "")


def _changed_paths(before: Survey, paths: Paths) -> Iterator[str]:
    """Those whose status is another one by now; of a directory, which names lie in it counts, too."""
    for listing in before.listings:
        try:
            with directory.descriptor(paths.etc, listing.path) as place:
                now = native.stat_names(listing.names, place)
                if not listing.path and native.stat_names(["."], place) != before.top:
                    yield str(ETC)
        except (FileNotFoundError, NotADirectoryError):
            now = bytes(len(listing.status))
        if now != listing.status:
            pairs = zip(listing.paths(), native.STATUS.iter_unpack(now), strict=True)
            yield from (path for (path, then), status in pairs if status != then)


def _draft(factory: Mapping[str, Entry], reading: Reading) -> Draft:
    items = {path: item for path, item in reading.items.items() if factory.get(path) != item.entry}
    return Draft(items, reading.contents, tuple(sorted(factory.keys() - reading.items.keys())))


def _refuse_excess(factory: Mapping[str, Entry], found: Mapping[str, Status]) -> None:
    """Failure where what is certain to differ from the factory cannot be saved, before it lies in memory: somebody may have put
    12 GB there."""
    sizes = {path: status[_SIZE] for path, status in found.items() if stat.S_ISREG(status[_MODE])}
    differing = {path: size for path, size in sizes.items() if path not in factory or factory[path].size != size}
    changed = len(found.keys() ^ factory.keys())
    largest = max(differing, key=lambda path: differing[path], default="")
    about = f"; the largest is {escape(largest)}, {differing[largest] / 2**20:.1f} MiB" if largest else ""
    archive.refuse_excess(changed, sum(differing.values()) + TAR_SHARE * len(differing), about=about)
    refuse_unaffordable(differing, available_memory())


def refuse_unaffordable(sizes: Mapping[str, int], memory: int) -> None:
    """Failure, with the largest file, if there is no room in memory for COPIES of what is saved: the kernel would kill us."""
    size = sum(sizes.values())
    if COPIES * size > memory:
        largest = max(sizes, key=lambda path: sizes[path])
        raise Failure(
            f"too much to be saved: {size / 2**20:.1f} MiB take {COPIES} times as much memory, and {memory >> 20} MiB are "
            f"free; the largest is {escape(largest)}, {sizes[largest] / 2**20:.1f} MiB",
            "config changes lists what would be saved",
        )


def available_memory(path: Path = Path("/proc/meminfo")) -> int:
    """The bytes of memory that can be had without pushing anything out, as the kernel reckons."""
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024
