"""The files of a stage: written from what came and from what is here already, each proved right once it is written.

Small ones that go to the same directory are read and written together, in C. What came is written from the last on, and given up
where it lay when it arrived once it is written: so it lies in memory once.
"""

import grp
import os
import pwd
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from firmware import directory, files, native
from firmware.errors import Failure
from firmware.manifest import Entry
from firmware.native import Owner
from firmware.sync import contents
from firmware.sync.proposal import Proposal

#: bytes of a file up to which it is written together with others, and of all of these
SMALL, TOGETHER = 1 << 16, 1 << 19


@dataclass(frozen=True, slots=True)
class _Writing:
    """A proposal's files on their way to `tree`. `here` has the paths of those that are here already, by their digests; `staged`
    gets those that came and have been written, and `sums` the SHA-256 of each file by its path."""

    tree: Path
    proposal: Proposal
    here: Mapping[str, str]
    owner_of: Callable[[Entry], Owner]
    pieces: Callable[[str], Iterator[bytes]]
    staged: dict[str, str] = field(default_factory=dict)
    sums: dict[str, bytes] = field(default_factory=dict)

    def below(self, path: str) -> str:
        """A path below the service's directory."""
        return path[len(self.proposal.service.owns) + 1 :]


def write(tree: Path, proposal: Proposal, here: Mapping[str, str]) -> dict[str, bytes]:
    """Write them, with their owners and modes, below `tree`, where their directories are; returns the SHA-256 of each by its
    path. Failure if one is not what its entry says."""
    writing = _Writing(tree, proposal, here, owners(), contents.reader(proposal.contents))
    for batch in _batches(writing):
        if batch[0].size > SMALL:
            _write_large_file(writing, batch[0])
        else:
            _write_small_files(writing, batch)
        _give_up(writing, batch)
    return writing.sums


def owners() -> Callable[[Entry], Owner]:
    """What tells the owner of an entry in numbers, as they are now, and its mode."""
    user, group = cache(lambda name: pwd.getpwnam(name).pw_uid), cache(lambda name: grp.getgrnam(name).gr_gid)
    return lambda entry: (user(entry.owner), group(entry.group), entry.mode)


def _batches(writing: _Writing) -> Iterator[list[Entry]]:
    """The files in the order in which they are written, together those that go to one directory and come from one; a large one
    alone."""
    batch, places, size = list[Entry](), ("", ""), 0
    for entry in _in_order_of_writing(writing.proposal):
        its_places = os.path.dirname(entry.path), os.path.dirname(_present_path(writing, entry))
        if batch and (its_places != places or size + entry.size > TOGETHER or max(entry.size, batch[0].size) > SMALL):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        places, size = its_places, size + entry.size
    if batch:
        yield batch


def _in_order_of_writing(proposal: Proposal) -> list[Entry]:
    """The files: those that did not come, and then those that did, the last of them first."""
    places = {digest: -number for number, digest in enumerate(proposal.contents)}
    files_only = (entry for entry in proposal.entries.values() if entry.kind == "file")
    return sorted(files_only, key=lambda entry: places.get(entry.digest, -len(places)))


def _present_path(writing: _Writing, entry: Entry) -> str:
    """Where the content of an entry is here already; "" where it came."""
    return "" if entry.digest in writing.proposal.contents else writing.here[entry.digest]


def _write_small_files(writing: _Writing, batch: Sequence[Entry]) -> None:
    import hashlib

    is_here = bool(_present_path(writing, batch[0]))
    found = _present_contents(writing, batch) if is_here else [_content(writing, entry) for entry in batch]
    place = os.path.dirname(writing.below(batch[0].path))
    names = [os.path.basename(entry.path) for entry in batch]
    with directory.descriptor(writing.tree, place) as target, directory.naming_whole_paths(writing.tree / place):
        digests = native.write_names(names, target, found, [*map(writing.owner_of, batch)])
    for entry, content, digest in zip(batch, found, digests, strict=True):
        _require_right(entry, digest, len(content))
        writing.sums[entry.path] = hashlib.sha256(content).digest()


def _content(writing: _Writing, entry: Entry) -> bytes:
    """Of one that is longer than it has to be, as much as shows it."""
    found = bytearray()
    for piece in _pieces(writing, entry):
        found += piece[: entry.size + 1 - len(found)]
        if len(found) > entry.size:
            break
    return bytes(found)


def _present_contents(writing: _Writing, batch: Sequence[Entry]) -> Sequence[bytes | memoryview]:
    """Those of files that are here already, in one directory."""
    owns, paths = writing.proposal.service.owns, [writing.here[entry.digest] for entry in batch]
    names, rooms = [os.path.basename(path) for path in paths], [entry.size + 1 for entry in batch]
    with directory.descriptor(owns, os.path.dirname(writing.below(paths[0]))) as source:
        found = native.read_names(names, source, rooms)
    return [_read(path, one) for path, one in zip(paths, found, strict=True)]


def _read(path: str, found: tuple[memoryview, str] | int) -> memoryview:
    if isinstance(found, int):
        raise OSError(found, os.strerror(found), path)
    return found[0]


def _write_large_file(writing: _Writing, entry: Entry) -> None:
    import hashlib

    found = hashlib.sha256()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(writing.tree / writing.below(entry.path), flags, 0o600), "r+b", 0) as file:
        _write_content(writing, entry, file.fileno())
        uid, gid, mode = writing.owner_of(entry)
        os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
        file.seek(0)
        _require_right(entry, *native.file_digest(file.fileno()))
        file.seek(0)
        while piece := file.read(directory.PIECE):
            found.update(piece)
    writing.sums[entry.path] = found.digest()


def _write_content(writing: _Writing, entry: Entry, handle: int) -> None:
    if entry.digest in writing.proposal.contents and entry.digest not in writing.staged:
        contents.write_to(handle, writing.proposal.contents, entry.digest)
        return
    for piece in _pieces(writing, entry):
        files.write_all(handle, piece)


def _pieces(writing: _Writing, entry: Entry) -> Iterator[bytes]:
    """The content of an entry, which came, has been staged, or is here already."""
    if entry.digest in writing.staged:
        return directory.pieces(writing.tree, writing.below(writing.staged[entry.digest]))
    if entry.digest in writing.proposal.contents:
        return writing.pieces(entry.digest)
    return directory.pieces(Path(writing.proposal.service.owns), writing.below(writing.here[entry.digest]))


def _give_up(writing: _Writing, batch: Sequence[Entry]) -> None:
    """What came and is written is not needed any more."""
    came = [
        entry for entry in batch if entry.digest in writing.proposal.contents and entry.digest not in writing.staged
    ]
    writing.staged.update((entry.digest, entry.path) for entry in came)
    if came:
        contents.give_up(writing.proposal.contents, came[-1].digest)


def _require_right(entry: Entry, digest: str, size: int) -> None:
    if (digest, size) != (entry.digest, entry.size):
        raise Failure(f"{entry.path}: it could not be staged as it was sent")
