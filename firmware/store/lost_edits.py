"""What a rollback or a restore takes away, and nobody could get back: files below /etc that are in no generation, nor the
factory's. They are kept until the next reboot.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from firmware import directory, files, manifest
from firmware.errors import Failure, from_system
from firmware.manifest import Entry
from firmware.printable import escape
from firmware.store import flash, repository, rules, saved_state, snapshot
from firmware.store.capture import available_memory
from firmware.store.changes import Changes
from firmware.store.paths import NODE, Paths, relative_path

#: below the directory of what runs · how many of these are kept, and how many paths are named
PLACE, MOST, MOST_NAMED = "edited/etc", 4, 5


def find(paths: Paths = NODE) -> dict[str, Entry]:
    """Files and links below /etc that nothing holds which can be put back."""
    with flash.convert_os_errors(paths.etc):
        node_rules = rules.load_tolerant(paths)
        now = snapshot.current_entries(node_rules, paths)
    saved = snapshot.savable(saved_state.load(paths).entries, node_rules)
    changes = Changes.between(saved, now).without_quiet(node_rules)
    left = {path: now[path] for path in (*changes.added, *changes.changed) if now[path].kind != "dir"}
    if left:
        with repository.open_directory(write=False, paths=paths) as top:
            for entries in _retrievable_entries(top, paths):
                left = {path: entry for path, entry in left.items() if not _is_content_of(entry, entries.get(path))}
                if not left:
                    break
    return left


def keep(found: Mapping[str, Entry], paths: Paths = NODE) -> tuple[str, ...]:
    """Copy them aside, for root alone. Returns what is to be said of it: which, and where they are, or why they are not."""
    if not found:
        return ()
    names = sorted(map(escape, found))
    which = ", ".join(names[:MOST_NAMED]) + f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)
    lost = f"what no generation has is below /etc no more: {which}"
    try:
        place = _make_place(paths.run / PLACE)
    except (Failure, OSError) as error:
        return (f"{lost}; it could not be kept: {_reason(error)}",)
    try:
        _require_room(found, place)
        for path in found:
            _copy(relative_path(path), paths.etc, place)
    except (Failure, OSError) as error:
        with directory.descriptor(place.parent) as top:
            directory.remove(place.name, top)
        return (f"{lost}; it could not be kept: {_reason(error)}",)
    return (f"{lost}; until the next reboot it is in {place}",)


def _reason(error: Failure | OSError) -> Failure:
    return error if isinstance(error, Failure) else from_system(error)


def _require_room(found: Mapping[str, Entry], place: Path) -> None:
    """Failure if copies took more than a quarter of what memory has room for: all else that runs needs it, too."""
    size, free = sum(entry.size for entry in found.values()), os.statvfs(place)
    room = min(free.f_bavail * free.f_frsize, available_memory()) // 4
    if size > room:
        raise Failure(f"{size / 2**20:.1f} MiB, and {room / 2**20:.1f} may lie there")


def _retrievable_entries(top: Path, paths: Paths) -> Iterator[Mapping[str, Entry]]:
    """The entries of the factory's tree and of each generation that can be read."""
    yield snapshot.compose(None, paths).entries
    for number in repository.numbers(top):
        try:
            yield snapshot.compose(repository.load(top, number), paths).entries
        except Failure:
            continue


def _is_content_of(entry: Entry, other: Entry | None) -> bool:
    return other is not None and (entry.kind, entry.size, entry.digest) == (other.kind, other.size, other.digest)


def _make_place(top: Path) -> Path:
    """A new directory beside the last ones, by its number."""
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    with directory.descriptor(top) as handle:
        numbers = sorted(int(name) for name in os.listdir(handle) if name.isdecimal())
        for number in numbers[: -(MOST - 1)]:
            directory.remove(str(number), handle)
    place = top / str(max(numbers, default=0) + 1)
    place.mkdir(mode=0o700)
    return place


def _copy(path: str, etc: Path, place: Path) -> None:
    target = place / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with directory.parent(etc, path) as (above, name):
        if os.path.islink(f"/proc/self/fd/{above}/{name}"):
            target.symlink_to(os.readlink(name, dir_fd=above))
            return
    files.write(target, manifest.read_with_digest(etc, path)[0], mode=0o600)
