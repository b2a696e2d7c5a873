"""Files: the durable write, the guard for paths that came from elsewhere."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.errors import Refused
from firmware.printable import quote_word

#: how the names of files begin that are being written (8 random characters follow); nobody else may look at them
TEMPORARY_PREFIX = ".firmware-"


def write(path: Path, data: bytes, *, mode: int | None = None, owner: tuple[int, int] | None = None) -> None:
    """Replace `path` as one step that a power cut cannot split: whole old content or whole new.

    Mode and owner are the old file's unless given (0644 and ours for a new file); they are set before the name is.
    """
    old = path.stat() if path.exists() else None
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    except OSError as error:  # it would name what nobody has asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            uid, gid = owner or ((old.st_uid, old.st_gid) if old else (-1, -1))
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode if mode is not None else (old.st_mode & 0o7777 if old else 0o644))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_all(handle: int, data: bytes) -> None:
    """Write all of it to an open file, in as many calls as that takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


@contextmanager
def new_file(path: Path) -> Iterator[int]:
    """A new file that only its owner reads, to be written; it gets its name once that is done."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        yield handle
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


@contextmanager
def scratch_directory(kind: str, place: Path) -> Iterator[Path]:
    """A directory in `place`, which root alone writes to, for as long as it is needed; its name begins with `kind` and the
    number of this process. Those of processes that were killed go first."""
    for left in place.glob("*"):
        made = re.fullmatch(rf"{re.escape(kind)}\.([0-9]+)\..*", left.name)
        if made and not Path("/proc", made[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{kind}.{os.getpid()}.", dir=place) as name:
        yield Path(name)


class OpenFile:
    """A descriptor that is closed with whoever has it last, such as a thread that goes on when a request was given up."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __del__(self) -> None:
        os.close(self.handle)


def memory_file(name: str) -> OpenFile:
    """A new empty file in memory."""
    return OpenFile(os.memfd_create(name, os.MFD_CLOEXEC))


def sync_directory(path: Path) -> None:
    """Make the names in a directory last."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def safe_join(top: Path, name: str) -> Path:
    """`top`/`name`, if that is really below `top`; for every path that came from elsewhere. Links are not followed."""
    parts = name.split("/")
    if name.startswith("/") or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise Refused(f"{quote_word(name)}: not a path below {top}")
    try:
        sizes = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        raise Refused(f"{quote_word(name)}: no file can have this name") from None
    if sum(sizes) + len(sizes) > 3500 or max(sizes) > 255:
        raise Refused(
            f"{quote_word(name[:40])}…{quote_word(name[-40:])}: the path is too long",
            "give its directories shorter names",
        )
    return top.joinpath(*parts)
