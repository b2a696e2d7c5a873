"""The saved generations, one file each below /flash/config: which there are, which are whole, which may go."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from firmware.errors import Failure
from firmware.store import archive, flash
from firmware.store.archive import Archive

#: how many generations are kept, and how many good ones are never removed, however scarce room is
KEPT, SACRED = 10, 2

_NAME = re.compile(r"([0-9]{6,9})\.tar")


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. Of a damaged one only its number and the `problem` are known."""

    number: int
    time: str
    message: str
    version: str
    who: str
    digest: str
    problem: str = ""

    @property
    def verified(self) -> bool:
        """Is it whole?"""
        return not self.problem


def numbers(shelf: Path) -> list[int]:
    """The generations that there are, whole or not, newest first."""
    if not shelf.is_dir():
        return []
    found = [int(match[1]) for path in shelf.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted((number for number in found if path_of(shelf, number).exists()), reverse=True)


def path_of(shelf: Path, number: int) -> Path:
    """The file of a generation."""
    return shelf / f"{number:06d}.tar"


def identity(shelf: Path, number: int) -> tuple[int, ...]:
    """What is another one once somebody touched the generation's file or put another in its place; () if there is none."""
    try:
        status = path_of(shelf, number).stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def load(shelf: Path, number: int) -> Archive:
    """A generation that has been verified. Failure, saying why, if it is damaged or not there."""
    try:
        with path_of(shelf, number).open("rb") as file:
            data = file.read(archive.LIMIT + 1)
    except FileNotFoundError:
        raise Failure("there is none", "config history") from None
    except OSError as error:
        raise Failure(f"it cannot be read: {error.strerror}") from None
    return archive.parse(data)


def good(shelf: Path) -> Iterator[tuple[int, Archive]]:
    """The generations that verify, newest first."""
    for number in numbers(shelf):
        try:
            found = load(shelf, number)
        except Failure:
            continue
        yield number, found


def describe(shelf: Path, number: int) -> Generation:
    """What is known of a generation."""
    try:
        return generation(number, load(shelf, number))
    except Failure as error:
        return Generation(number, "", "", "", "", "", str(error))


def generation(number: int, found: Archive) -> Generation:
    """The generation of an archive. The number is its file's, whatever the archive calls itself."""
    label = found.label
    return Generation(number, label.time, label.message, label.version, label.who, found.digest)


def make_room(shelf: Path, size: int) -> None:
    """See to it that a file of `size` bytes fits; the oldest generations go for it, but never the last good ones."""
    if not flash.lacks(shelf, size):
        return
    for number in reversed(_dispensable(shelf, numbers(shelf))):
        path_of(shelf, number).unlink()
        if not flash.lacks(shelf, size):
            return
    raise Failure(
        f"{shelf}: no room: {-(-flash.lacks(shelf, size) // 1024)} KiB are missing, and the last good generations are kept",
        "remove other files from the flash, or save less",
    )


def prune(shelf: Path) -> None:
    """Remove what is older than the newest generations that are kept, but never the last good ones."""
    for number in _dispensable(shelf, numbers(shelf)[KEPT:]):
        path_of(shelf, number).unlink()


def _dispensable(shelf: Path, candidates: list[int]) -> list[int]:
    sacred = {number for number, _ in islice(good(shelf), SACRED)} if candidates else set()
    return [number for number in candidates if number not in sacred]
