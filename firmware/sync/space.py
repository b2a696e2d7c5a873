"""The space that all that may be pushed to this node takes: bounded, so that no peer fills /etc and /run or hinders a save.

A unit of 256 MB has 64 MB for /etc and 64 MB for /run, and a save needs four times the size of what is saved. A push has
its old and its new files in /etc for a moment, and in /run three copies of them.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware import directory
from firmware.errors import Refused
from firmware.manifest import Entry
from firmware.services import catalog
from firmware.services.definition import Service

#: of all services that may be pushed together; a saved generation has a manifest of 8 MiB for all paths
MAX_BYTES, MAX_FILES, MAX_PATHS = 24 << 20, 8192, 4 << 20
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes, in whole pages; how many files and directories; and characters of their paths, as they are saved."""

    size: int = 0
    files: int = 0
    paths: int = 0

    @classmethod
    def of(cls, sizes: Iterable[tuple[str, int]]) -> "Space":
        """Of paths and their sizes."""
        all_sizes = list(sizes)
        pages = sum(-(-size // _PAGE) * _PAGE for _, size in all_sizes)
        return cls(pages, len(all_sizes), sum(len(json.dumps(path)) for path, _ in all_sizes))

    def __add__(self, other: "Space") -> "Space":
        return Space(self.size + other.size, self.files + other.files, self.paths + other.paths)

    def fits_in(self, other: "Space") -> bool:
        """Is it no more than the other, in each respect?"""
        return self.size <= other.size and self.files <= other.files and self.paths <= other.paths


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
            f"service {service.name}: all that is pushed to one node would be {total.size / 2**20:.1f} MiB in "
            f"{total.files} files, with {total.paths / 2**20:.1f} MiB of paths; at most {MAX_BYTES >> 20} MiB in "
            f"{MAX_FILES} files, with {MAX_PATHS >> 20} MiB, are taken",
            f"remove what is not needed there; the most is in /etc/{largest}, {taken[largest].size / 2**20:.1f} MiB",
        )


def _sizes_on_disk(service: Service, root: Path) -> Iterator[tuple[str, int]]:
    try:
        with directory.descriptor(root / service.owns.lstrip("/")) as top:
            for path, place, names in directory.walk(top, lambda path: False):
                start = f"{service.owns}/{path}/" if path else f"{service.owns}/"
                yield from ((start + name, _size_on_disk(name, place)) for name in names)
    except (FileNotFoundError, NotADirectoryError):
        return


def _size_on_disk(name: str, place: int) -> int:
    try:
        status = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
