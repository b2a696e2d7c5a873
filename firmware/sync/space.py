"""The space that what is pushed takes: bounded for all services together, and by the room that a node has at that moment, so that
no peer fills /etc, /run and the memory.

All three are memory. A push has its old and its new files in /etc for a moment, and the new ones beside the old ones in /run,
where what is applied is kept; while it comes in, its contents lie in memory, too. Both nodes look at the room: the pushing one
by what the peer told of itself, before anything is sent, the receiving one for itself.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from pathlib import Path

from firmware import directory, native
from firmware.errors import Refused
from firmware.manifest import Entry
from firmware.printable import escape
from firmware.services import catalog
from firmware.services.definition import Service
from firmware.sync import acceptable
from firmware.sync.message import Message

#: of all services that may be pushed together; a saved generation has a manifest of 16 MiB for all paths
MAX_BYTES, MAX_FILES, MAX_PATHS = 160 << 20, 30_000, 4 << 20
#: bytes of a proposal beside the contents of its files
MAX_BESIDE = 20 << 20
_PAGE = 4096
#: bytes that stay free whatever is pushed: in /etc and in /run, and in memory
FILES_RESERVE, MEMORY_RESERVE = 4 << 20, 24 << 20
#: what a node's room is rounded to, so that it is the same for a while: bytes below /etc and /run, of memory, and files
_UNIT, _MEMORY_UNIT, _FILES_UNIT = 1 << 20, 8 << 20, 100
_MOST_ROOM = 1 << 50


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes, in whole pages; how many files and directories; and characters of their paths, as they are saved."""

    size: int = 0
    files: int = 0
    paths: int = 0

    @classmethod
    def of(cls, sizes: Iterable[tuple[str, int]]) -> "Space":
        """Of paths and their sizes."""
        size = files = paths = 0
        for path, one in sizes:
            size, files, paths = size + _pages(one), files + 1, paths + len(encode_basestring_ascii(path))
        return cls(size, files, paths)

    def __add__(self, other: "Space") -> "Space":
        return Space(self.size + other.size, self.files + other.files, self.paths + other.paths)

    def fits_in(self, other: "Space") -> bool:
        """Is it no more than the other, in each respect?"""
        return self.size <= other.size and self.files <= other.files and self.paths <= other.paths


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on a node: bytes below /etc, below /run and of memory, and how many more files each of both may have."""

    etc: int
    run: int
    memory: int
    files: int


def local_room(etc: Path = Path("/etc"), run: Path = Path("/run"), memory: Path = Path("/proc/meminfo")) -> Room:
    """This node's."""
    lines = dict(line.split(":", 1) for line in memory.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) << 10
    places = os.statvfs(etc), os.statvfs(run)
    files = min(place.f_favail if place.f_files else _MOST_ROOM for place in places)
    bytes_etc, bytes_run = (place.f_bavail * place.f_frsize // _UNIT * _UNIT for place in places)
    return Room(bytes_etc, bytes_run, free // _MEMORY_UNIT * _MEMORY_UNIT, files // _FILES_UNIT * _FILES_UNIT)


def spool_room() -> int:
    """The bytes that a proposal may have which comes in: as many as a service and the table of its files, and as there is memory
    for."""
    return max(0, min(acceptable.LIMITS.all_bytes + MAX_BESIDE, local_room().memory - MEMORY_RESERVE))


def parse_room(message: Message) -> Room:
    """A peer's, from the wire."""
    return Room(*(message.number(key, 0, _MOST_ROOM) for key in ("etc", "run", "memory", "files")))


def require_room(
    service: Service, entries: Mapping[str, Entry], room: Room, where: str, *, beside: int = 0, arriving: bool = True
) -> None:
    """Refused, with the largest file, if there is no room on a node, `where` in words, to have these entries pushed to it.
    `beside`: bytes that are kept besides, to be put back. `arriving`: their contents have still to come, and lie in memory
    meanwhile."""
    new = sum(_pages(entry.size) + _PAGE for entry in entries.values())
    largest = max((entry.size for entry in entries.values()), default=0)
    on_the_way = new if arriving else largest
    if len(entries) > room.files:
        raise Refused(
            f"service {service.name}: no room on {where}: {len(entries)} files, and there may be {room.files} more",
            acceptable.SMALLER,
        )
    wanted = (
        ("below /etc", new + FILES_RESERVE, room.etc, "the new files lie there beside the old ones for a moment"),
        ("below /run", new + beside + FILES_RESERVE, room.run, "a copy of what is applied is kept there"),
        ("of memory", 2 * new + beside + on_the_way + MEMORY_RESERVE, room.memory, "/etc and /run lie in memory"),
    )
    for what, needed, free, why in wanted:
        if needed > free:
            raise Refused(
                f"service {service.name}: no room on {where}: {_mib(new)} take {_mib(needed)} {what}, and {_mib(free)} are "
                f"free; {why}; the largest file is {acceptable.largest_file(entries)}",
                acceptable.SMALLER,
            )


def taken_space(root: Path = Path("/")) -> Space:
    """What all that may be pushed to this node takes now."""
    owning = (one for one in catalog.services() if one.owns and not one.node_specific)
    return sum((Space.of(_sizes_on_disk(one, root)) for one in owning), Space())


def require_space(service: Service, entries: Mapping[str, Entry], *, root: Path = Path("/")) -> None:
    """Refused if the service had these entries and all that may be pushed were too much then. What takes no more than what
    is there now is never refused: an administrator may have put it there."""
    taken = {
        one.name: Space.of(_sizes_on_disk(one, root))
        for one in catalog.services()
        if one.owns and not one.node_specific
    }
    new = Space.of((path, entry.size) for path, entry in entries.items())
    if new.fits_in(taken.get(service.name, Space())):
        return
    taken[service.name] = new
    total = sum(taken.values(), Space())
    if not total.fits_in(Space(MAX_BYTES, MAX_FILES, MAX_PATHS)):
        largest = max(taken, key=lambda name: taken[name].size)
        raise Refused(
            f"service {service.name}: all that is pushed to one node would be {_mib(total.size)} in "
            f"{total.files} files, with {_mib(total.paths)} of paths; at most {MAX_BYTES >> 20} MiB in "
            f"{MAX_FILES} files, with {MAX_PATHS >> 20} MiB, are taken",
            f"remove what is not needed there; the most is in /etc/{escape(largest)}, {_mib(taken[largest].size)}",
        )


def _pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _sizes_on_disk(service: Service, root: Path) -> Iterator[tuple[str, int]]:
    try:
        with directory.descriptor(root / service.owns.lstrip("/")) as top:
            for path, place, names in directory.walk(top, lambda path: False):
                start = f"{service.owns}/{path}/" if path else f"{service.owns}/"
                found = native.STATUS.iter_unpack(native.stat_names(names, place))
                yield from ((start + name, _size(status)) for name, status in zip(names, found, strict=True))
    except (FileNotFoundError, NotADirectoryError):
        return


def _size(status: tuple[int, ...]) -> int:
    """Of a file; 0 of anything else, and of what is not there any more."""
    return status[4] if stat.S_ISREG(status[0]) else 0
