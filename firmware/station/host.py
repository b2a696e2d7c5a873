"""What the station's own machine refuses: words for it, and what is asked of it before a unit is touched."""

import os
from errno import EACCES, ENOSPC, EPERM, EROFS
from pathlib import Path

from firmware.errors import Failure


def describe(error: OSError) -> Failure:
    """An error of the system at the station, which is no node: what to do about it differs."""
    name, why = error.filename, error.strerror or str(error)
    if isinstance(error, FileExistsError):
        why = "that is no directory"
    if name is None:
        return Failure(why)
    near = _nearest(Path(os.fsdecode(name)))
    permit = f"ls -ld {near} says who may write there"
    hints = {EACCES: permit, EPERM: permit, EROFS: permit, ENOSPC: f"make room: df -h {near} says how much there is"}
    return Failure(f"{os.fsdecode(name)}: {why}", hints.get(error.errno or 0, ""))


def _nearest(path: Path) -> Path:
    """The directory that there is on the way to it."""
    return next(place for place in path.absolute().parents if place.is_dir())


def require_directory(path: Path) -> None:
    """Make a directory, with those above it, and make sure that files can be written there. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True)
    require_writable(path / ".written")


def require_writable(path: Path) -> None:
    """Make sure that a file can be written, and leave nothing behind. Raises OSError."""
    if path.exists():
        path.open("ab").close()
        return
    path.open("wb").close()
    path.unlink()
