"""The flash partition: reached only while needed, and written so that what was acknowledged is there after a power cut."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path

from firmware import files
from firmware.directory import PIECE
from firmware.errors import Failure, system_hint
from firmware.run import run
from firmware.store.paths import NODE, Paths

#: bytes that are left free by a save, for the journal and the file system's own use
RESERVE = 256 * 1024
_STEP = 4096


def is_reachable(paths: Paths = NODE) -> bool:
    """Can one look at the flash without mounting anything?"""
    return paths.flash.is_dir() and (os.path.ismount(paths.flash) or not _in_fstab(paths))


@contextmanager
def convert_os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a Failure with the path that it names (else `path`) and the reason."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename or path}: {error.strerror or error}", _hint(error)) from None


def _hint(error: OSError) -> str:
    if error.errno in (errno.EIO, errno.EROFS, errno.EUCLEAN):
        return (
            "the flash may be failing: config history says what is still whole, config export keeps it elsewhere; dmesg"
        )
    return "make room: export and remove old generations" if error.errno == errno.ENOSPC else system_hint(error)


@contextmanager
def mount(*, write: bool, paths: Paths = NODE) -> Iterator[None]:
    """Have the flash mounted for the time: one that fstab names read-only, but for `write`; a directory, or what is
    mounted already, is used as it is. Failure if it cannot be mounted."""
    if not os.path.ismount(paths.flash) and _in_fstab(paths):
        _mount("rw" if write else "ro", paths)
        try:
            yield
        finally:
            # Everything is synced; should somebody be in there, it stays mounted, but not writable.
            if run(["umount", str(paths.flash)], check=False).status:
                run(["mount", "-o", "remount,ro", str(paths.flash)], check=False)
    elif write and os.statvfs(paths.flash).f_flag & os.ST_RDONLY and os.path.ismount(paths.flash):
        run(["mount", "-o", "remount,rw", str(paths.flash)])
        try:
            yield
        finally:
            run(["mount", "-o", "remount,ro", str(paths.flash)], check=False)
    else:
        yield


def _mount(options: str, paths: Paths) -> None:
    try:
        run(["mount", "-o", options, str(paths.flash)])
    except Failure as error:
        hint = "reboot: it is then checked and repaired, or the console says how to make it anew"
        raise Failure(f"{paths.flash}: it cannot be mounted: {error}", hint) from None


def _in_fstab(paths: Paths) -> bool:
    try:
        lines = (paths.etc / "fstab").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.split()[1:2] == [str(paths.flash)] for line in lines if not line.lstrip().startswith("#"))


def missing_bytes(directory: Path, size: int) -> int:
    """How many bytes are missing for a new file of `size` bytes and the reserve; 0 if there is room."""
    space = os.statvfs(directory)
    if not space.f_blocks:
        return 0
    if space.f_files and not space.f_favail:
        return _STEP
    needed = -(-size // _STEP) * _STEP + RESERVE
    return max(0, needed - space.f_bavail * space.f_frsize)


def total_bytes(directory: Path) -> float:
    """The bytes of the file system that a directory lies on; infinite where it does not say."""
    space = os.statvfs(directory)
    return space.f_blocks * space.f_frsize or float("inf")


def write_durably(path: Path, pieces: Sequence[bytes]) -> None:
    """Make `path` with this content, in pieces that follow each other, so that it is there for good when this returns, or not
    at all.

    Temporary file in place, fsync, read back and compared, rename, fsync of the directory, in this order: with any other a
    power cut can lose an acknowledged save. Whatever goes wrong, nothing is left of the attempt.
    """
    temporary = path.parent / f".{path.name}.new"
    with convert_os_errors(path):
        try:
            _write(temporary, pieces)
            if not _is_there(temporary, pieces):
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


def remove_leftovers(directory: Path) -> None:
    """Remove what interrupted writers left."""
    for path in directory.glob(".*.new"):
        path.unlink(missing_ok=True)
    for path in directory.glob(f"{files.TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)


def _write(path: Path, pieces: Sequence[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
        # What is read back shall come from the flash, not from memory.
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def _is_there(path: Path, pieces: Sequence[bytes]) -> bool:
    """Does the file hold exactly this?"""
    with open(path, "rb", buffering=0) as file:
        return all(_is_next(file, piece) for piece in pieces) and not _read_back(file, 1)


def _is_next(file: RawIOBase, piece: bytes) -> bool:
    """Is that what follows in the file? Read so little at a time that it takes no new memory."""
    at = 0
    while at < len(piece) and (found := _read_back(file, min(PIECE, len(piece) - at))):
        if not piece.startswith(found, at):
            return False
        at += len(found)
    return at == len(piece)


def _read_back(file: RawIOBase, size: int) -> bytes:
    return file.read(size) or b""
