"""The flash partition: reached only while needed, and written so that what was acknowledged is there after a power cut."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firmware import files
from firmware.errors import Failure, system_hint
from firmware.locks import hold
from firmware.run import run
from firmware.store.places import NODE, Places

#: bytes that are left free by a save, for the journal and the file system's own use
RESERVE = 256 * 1024
_STEP = 4096


@contextmanager
def opened(*, write: bool, places: Places = NODE) -> Iterator[Path]:
    """The directory of the saved generations, for one user at a time; it may not exist yet unless `write`.

    A /flash that fstab names is mounted for the time, read-only but for a save; a directory, or what is mounted already,
    is used as it is. Every OSError inside comes out as a Failure that names path and reason.
    """
    with naming(places.flash), hold(places.flash_lock), _mounted(write, places):
        if write:
            if not places.shelf.is_dir():
                places.shelf.mkdir(mode=0o700)
                files.sync_directory(places.flash)
            places.shelf.chmod(0o700)
        yield places.shelf


def in_reach(places: Places = NODE) -> bool:
    """Can one look at the flash without mounting anything?"""
    return places.flash.is_dir() and (os.path.ismount(places.flash) or not _in_fstab(places))


@contextmanager
def naming(what: Path) -> Iterator[None]:
    """Turn an OSError into a Failure with the path that it names (else `what`) and the reason."""
    try:
        yield
    except OSError as error:
        hint = "make room: export and remove old generations" if error.errno == errno.ENOSPC else system_hint(error)
        raise Failure(f"{error.filename or what}: {error.strerror or error}", hint) from None


@contextmanager
def _mounted(write: bool, places: Places) -> Iterator[None]:
    if not os.path.ismount(places.flash) and _in_fstab(places):
        _mount("rw" if write else "ro", places)
        try:
            yield
        finally:
            # Everything is synced; should somebody be in there, it stays mounted, but not writable.
            if run(["umount", str(places.flash)], check=False).status:
                run(["mount", "-o", "remount,ro", str(places.flash)], check=False)
    elif write and os.statvfs(places.flash).f_flag & os.ST_RDONLY and os.path.ismount(places.flash):
        run(["mount", "-o", "remount,rw", str(places.flash)])
        try:
            yield
        finally:
            run(["mount", "-o", "remount,ro", str(places.flash)], check=False)
    else:
        yield


def _mount(how: str, places: Places) -> None:
    try:
        run(["mount", "-o", how, str(places.flash)])
    except Failure as error:
        remedy = "reboot: it is then checked and repaired, or the console says how to make it anew"
        raise Failure(f"{places.flash}: it cannot be mounted: {error}", remedy) from None


def _in_fstab(places: Places) -> bool:
    try:
        lines = (places.etc / "fstab").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.split()[1:2] == [str(places.flash)] for line in lines if not line.lstrip().startswith("#"))


def lacks(directory: Path, size: int) -> int:
    """How many bytes are missing for a new file of `size` bytes and the reserve; 0 if there is room."""
    space = os.statvfs(directory)
    if not space.f_blocks:
        return 0
    if space.f_files and not space.f_favail:
        return _STEP
    needed = -(-size // _STEP) * _STEP + RESERVE
    return max(0, needed - space.f_bavail * space.f_frsize)


def commit(path: Path, data: bytes) -> None:
    """Make `path` with this content, so that it is there for good when this returns, or not at all.

    Temporary file in place, fsync, read back and compared, rename, fsync of the directory, in this order: with any other a
    power cut can lose an acknowledged save. Whatever goes wrong, nothing is left of the attempt.
    """
    temporary = path.parent / f".{path.name}.new"
    with naming(path):
        try:
            _write(temporary, data)
            if _read_back(temporary) != data:
                raise Failure(f"{path}: what was read back is not what was written", "the flash may be failing")
            os.rename(temporary, path)
            try:
                files.sync_directory(path.parent)
            except OSError:
                path.unlink(missing_ok=True)
                raise
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def sweep(directory: Path) -> None:
    """Remove what interrupted writers left."""
    for path in directory.glob(".*.new"):
        path.unlink(missing_ok=True)
    for path in directory.glob(f"{files.TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
        # What is read back shall come from the flash, not from memory.
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def _read_back(path: Path) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()
