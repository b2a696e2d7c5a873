"""Directories by descriptor: how root reads and changes what others may write, and is led nowhere else.

Who may write to a directory can exchange what lies in it for a link, at any moment. So nothing below such a directory is
named by a whole path. `top` is ours: a descriptor, or a path above which root alone writes. From there on each component is
opened by its name in the directory before, and no link is followed (openat(2) with O_NOFOLLOW).

Where a path below `top` leads through a link, or through something else that is no directory, it is a NotADirectoryError.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firmware import native

_TOP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BELOW = _TOP | os.O_NOFOLLOW
#: what was a file a moment ago may be a link or a pipe by now
#: the flags that open a file to read it, and nothing that a link leads to; nobody waits for a pipe's other end
READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: bytes of a file that are read at a time
PIECE = 1 << 17
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def open_below(top: Path | str | int, path: str = "") -> int:
    """A new descriptor of the directory `path` below `top`; of `top` itself for ""."""
    handle = os.open(".", _TOP, dir_fd=top) if isinstance(top, int) else os.open(top, _TOP)
    for name in path.split("/") if path else ():
        try:
            below = os.open(name, _BELOW, dir_fd=handle)
        finally:
            os.close(handle)
        handle = below
    return handle


@contextmanager
def descriptor(top: Path | str | int, path: str = "") -> Iterator[int]:
    """The same for as long as it is needed."""
    handle = open_below(top, path)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def parent(top: Path | str | int, path: str) -> Iterator[tuple[int, str]]:
    """The open directory in which `path`, below `top`, lies, and its name there. An OSError meanwhile names the whole path."""
    above, _, name = path.rpartition("/")
    try:
        with descriptor(top, above) as handle:
            yield handle, name
    except OSError as error:
        error.filename = path if isinstance(top, int) else f"{top}/{path}"
        raise


@contextmanager
def naming_whole_paths(place: Path | str) -> Iterator[None]:
    """An OSError meanwhile that names what lies in that directory, by its path below it, names its whole path."""
    try:
        yield
    except OSError as error:
        error.filename = os.path.join(place, error.filename or "")
        raise


def walk(top: int, leave_out: Callable[[str], bool]) -> Iterator[tuple[str, int, list[str]]]:
    """Each directory below `top`, that itself first: its path ("" for `top`), a descriptor until the next step, and the names
    in it. Paths that are left out do not appear, nor does anything below them. Few descriptors are open, however deep it goes.
    """
    waiting, last, handle = [""], "", open_below(top)
    try:
        while waiting:
            path = waiting.pop()
            above, _, name = path.rpartition("/")
            try:
                below = open_below(handle, name) if above == last else open_below(top, path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            os.close(handle)
            last, handle = path, below
            start = f"{path}/" if path else ""
            with os.scandir(handle) as listing:
                children = [(child.name, child.is_dir(follow_symlinks=False)) for child in listing]
            children = [child for child in children if not leave_out(start + child[0])]
            yield path, handle, [name for name, _ in children]
            waiting += [start + name for name, is_directory in children if is_directory]
    finally:
        os.close(handle)


def open_file(name: str, place: int) -> int:
    """A descriptor to read the file `name` in the open directory `place`; OSError where it is a link, or no file."""
    handle = os.open(name, READING, dir_fd=place)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.ELOOP, "it is not a file", name)
    return handle


def create_file(name: str, place: int, mode: int = 0o600) -> int:
    """A descriptor to write a file that is new."""
    return os.open(name, _WRITING, mode, dir_fd=place)


def read(top: Path | int, path: str) -> bytes:
    """The bytes of the file `path` below `top`."""
    with parent(top, path) as (place, name), os.fdopen(open_file(name, place), "rb") as file:
        return file.read()


def pieces(top: Path | int, path: str) -> Iterator[bytes]:
    """The same, a piece at a time."""
    with parent(top, path) as (place, name), os.fdopen(open_file(name, place), "rb", 0) as file:
        while data := file.read(PIECE):
            yield data


def is_directory(name: str, place: int) -> bool:
    """Is that what lies there itself?"""
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def remove(name: str, place: int) -> None:
    """Remove whatever has that name in the open directory `place`, if anything has."""
    if is_directory(name, place):
        with descriptor(place, name) as handle:
            _empty(handle)
        os.rmdir(name, dir_fd=place)
    else:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=place)


def _empty(top: int) -> None:
    paths = []
    for path, handle, names in walk(top, lambda path: False):
        paths.append(path)
        with naming_whole_paths(path):
            native.remove_names(names, handle)
    for path in reversed(paths[1:]):
        with parent(top, path) as (handle, name):
            os.rmdir(name, dir_fd=handle)
