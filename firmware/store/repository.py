"""The repository: the saved generations, one file each below /flash/config, and the journal of what was done to them.

A generation that a newer firmware wrote is whole, but not ours to read: it is passed over, said as what it is, and never
removed, for the other slot may need it.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from firmware import files, locks, records
from firmware.directory import read as read_file
from firmware.errors import Failure, NewerFormat
from firmware.store import archive, flash
from firmware.store.archive import Archive, Label
from firmware.store.paths import NODE, Paths

#: how many generations are kept at most, which part of the flash they may take together, and how many of those that a peer had
#: saved count before the operator's own
MOST_KEPT, SHARE, PEERS_KEPT = 50, 0.5, 3
#: how many that verify are never removed, however scarce room is: the last ones, and the last that no peer had saved
ALWAYS_KEPT = 2
#: the format of a line of the journal, and the bytes that it may have: a longer journal loses its older half
JOURNAL_FORMAT, JOURNAL_LIMIT = 1, 64 * 1024

#: the name of a peer, for whom a generation was saved
_PEER = re.compile(r"node-[0-9]+")
_NAME = re.compile(r"([0-9]{6,9})\.tar")


class NoGeneration(Failure):
    """There is no generation of that number, or none at all."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. `problem` says why it cannot be used: it is damaged, or it is `newer` than this firmware can read;
    what is not known of it then is ""."""

    number: int
    time: str
    message: str
    version: str
    who: str
    digest: str
    problem: str = ""
    newer: bool = False

    @classmethod
    def from_archive(cls, number: int, saved: Archive) -> "Generation":
        """The number is the file's, whatever the archive calls itself."""
        return cls.from_label(number, saved.label, saved.digest)

    @classmethod
    def from_label(cls, number: int, label: Label, digest: str) -> "Generation":
        """The same, of an archive that is known by its label and its digest."""
        return cls(number, label.time, label.message, label.version, label.who, digest)

    @property
    def is_verified(self) -> bool:
        """Can it be used: is it whole, and of a format that this firmware reads?"""
        return not self.problem

    def json(self) -> dict[str, Any]:
        """As others read it."""
        return {
            "generation": self.number, "digest": self.digest, "time": self.time, "message": self.message,
            "version": self.version, "who": self.who,
        }  # fmt: skip


@contextmanager
def hold_flash(*, write: bool, paths: Paths = NODE) -> Iterator[Path]:
    """Have the flash for one user at a time, mounted; Busy where another one has it for too long. Every OSError inside comes out
    as a Failure that names path and reason."""
    held = locks.hold_soon(paths.flash_lock, str(paths.flash))
    with flash.convert_os_errors(paths.flash), held, flash.mount(write=write, paths=paths):
        yield paths.flash


@contextmanager
def open_directory(*, write: bool, paths: Paths = NODE) -> Iterator[Path]:
    """The directory of the generations, for one user at a time; it may not exist yet unless `write`.

    The flash is mounted for the time. Every OSError inside comes out as a Failure that names path and reason.
    """
    with hold_flash(write=write, paths=paths):
        if write:
            if not paths.repository.is_dir():
                paths.repository.mkdir(mode=0o700)
                files.sync_directory(paths.flash)
            paths.repository.chmod(0o700)
        yield paths.repository


def numbers(directory: Path) -> list[int]:
    """The numbers of the generations that there are, whole or not, newest first."""
    if not directory.is_dir():
        return []
    names = {path.name for path in directory.iterdir()}
    found = [int(match[1]) for name in names if (match := _NAME.fullmatch(name))]
    return sorted((number for number in found if path_of(directory, number).name in names), reverse=True)


def path_of(directory: Path, number: int) -> Path:
    """The file of a generation."""
    return directory / f"{number:06d}.tar"


def file_identity(directory: Path, number: int) -> tuple[int, ...]:
    """What is another one once somebody touched the generation's file or put another in its place; () if there is none."""
    try:
        status = path_of(directory, number).stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def load(directory: Path, number: int) -> Archive:
    """A generation that has been verified. Failure, saying why, if it is not there or cannot be read; Damaged if it is not
    whole; NewerFormat if a newer firmware wrote it."""
    try:
        with path_of(directory, number).open("rb") as file:
            data = file.read(archive.LIMIT + 1)
    except FileNotFoundError:
        raise NoGeneration("there is none", "config history") from None
    except OSError as error:
        raise Failure(f"it cannot be read: {error.strerror}") from None
    return archive.parse(data, f"generation {number}")


def usable_generations(directory: Path) -> Iterator[tuple[int, Archive]]:
    """The generations that verify and that this firmware reads, newest first."""
    for number in numbers(directory):
        try:
            saved = load(directory, number)
        except Failure:
            continue
        yield number, saved


def summarize(directory: Path, number: int) -> Generation:
    """What is known of a generation, whatever became of it."""
    return examine(directory, number)[0]


def examine(directory: Path, number: int) -> tuple[Generation, Archive | None]:
    """What is known of a generation, and itself, if it can be used."""
    try:
        saved = load(directory, number)
    except NewerFormat as error:
        return Generation(
            number, "", "", "", "", "", str(error).removeprefix(f"generation {number}: "), newer=True
        ), None
    except Failure as error:
        return Generation(number, "", "", "", "", "", str(error)), None
    return Generation.from_archive(number, saved), saved


def make_room(directory: Path, size: int) -> None:
    """See to it that a file of `size` bytes fits; the oldest generations go for it, those that a peer had saved
    first, but none that is always kept.

    Failure if it cannot fit; then none goes.
    """
    missing = flash.missing_bytes(directory, size)
    removable = _removable(directory, numbers(directory)) if missing else []
    beyond = missing - sum(path_of(directory, number).stat().st_blocks * 512 for number in removable)
    if beyond > 0:
        missing, removable = beyond, []
    removable.sort(key=lambda number: (_is_peers(directory, number), -number))
    while missing and removable:
        path_of(directory, removable.pop()).unlink()
        missing = flash.missing_bytes(directory, size)
    if not missing:
        return
    raise Failure(
        f"{directory}: no room: {-(-missing // 1024)} KiB are missing, and the last good generations are kept",
        "remove other files from the flash, or save less",
    )


def prune(directory: Path, *, verified: int = 0) -> None:
    """Remove what is older than the newest generations that are kept, but none that is always kept. `verified` is the one that
    has just been read back.

    A peer may save as often as it likes: beyond a few, its generations replace each other, and none of the operator's own.
    """
    known = numbers(directory)
    most = _fitting_count(directory, known)
    if len(known) > most:
        peers = [number for number in known if _is_peers(directory, number)]
        own = [number for number in known if number not in peers][: most - min(len(peers), PEERS_KEPT)]
        kept = {*own, *peers[: most - len(own)]}
        for number in _removable(directory, [number for number in known if number not in kept], verified):
            path_of(directory, number).unlink()


def _fitting_count(directory: Path, known: list[int]) -> int:
    """How many of the newest generations have room in their share of the flash: as many as are always kept, and MOST_KEPT at
    most."""
    room, count = flash.total_bytes(directory) * SHARE, 0
    for number in known[:MOST_KEPT]:
        room -= path_of(directory, number).stat().st_blocks * 512
        if room < 0 and count >= ALWAYS_KEPT:
            break
        count += 1
    return count


def _is_peers(directory: Path, number: int) -> bool:
    """Had a peer saved it?"""
    label = _label(directory, number)
    return label is not None and bool(_PEER.fullmatch(label.who))


def _label(directory: Path, number: int) -> Label | None:
    """What a generation says about itself, verified or not; None if it says nothing that this firmware understands."""
    try:
        with path_of(directory, number).open("rb") as file:
            return archive.read_label(file)
    except (Failure, OSError):
        return None


def _is_newer(directory: Path, number: int) -> bool:
    """Is it whole, and a newer firmware's? That is only known of what verifies."""
    try:
        with path_of(directory, number).open("rb") as file:
            archive.read_label(file)
    except NewerFormat:
        return summarize(directory, number).newer
    except (Failure, OSError):
        pass
    return False


def _is_whole(directory: Path, number: int) -> bool:
    """Does it verify, and does this firmware read it? Its bytes are hashed; what they mean is not looked at."""
    try:
        archive.verify(path_of(directory, number).read_bytes())
    except (Failure, OSError):
        return False
    return _label(directory, number) is not None


def _removable(directory: Path, candidates: list[int], verified: int = 0) -> list[int]:
    """The candidates but for those that are always kept, and for what a newer firmware wrote. Only as many are read as it takes
    to know that enough are whole."""
    if not candidates:
        return []
    known = numbers(directory)
    whole = cache(lambda number: number == verified or _is_whole(directory, number))
    own = (number for number in known if not _is_peers(directory, number))
    always = {number for found in (known, own) for number in islice(filter(whole, found), ALWAYS_KEPT)}
    return [number for number in candidates if number not in always and not _is_newer(directory, number)]


def append_journal(directory: Path, action: str, *, generation: int, who: str, message: str = "") -> None:
    """Append a line to the journal, for good: what was done to which generation, when, and by whom."""
    path = directory / "journal"
    body = {"time": utc_now(), "who": who, "what": action, "generation": generation, "message": message}
    try:
        known = read_file(directory, path.name)
    except FileNotFoundError:
        known = b""
    if len(known) > JOURNAL_LIMIT:
        known = known[-JOURNAL_LIMIT // 2 :].partition(b"\n")[2]
    # A power cut may have left half a line.
    torn = b"\n" * bool(known and not known.endswith(b"\n"))
    # Anew, not at its end: the page of the disk that is written when power fails may be lost, with the lines that lie in it.
    files.write(path, known + torn + records.dump(body, JOURNAL_FORMAT) + b"\n", mode=0o600)


def utc_now() -> str:
    """The time now, in UTC: 2026-01-31T23:59:59Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
