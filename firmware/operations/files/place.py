"""Where a path leads: the open directory that it lies in, and what is refused there.

A link on the way is an error that says where it leads: who may write to a directory decides what its links lead to, and
root must not write there unasked.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware import directory
from firmware.errors import Failure, Refused, from_system
from firmware.operations.files.names import spell

#: file systems that are the kernel's own words: nothing in them is made, replaced or removed
_OF_THE_KERNEL = {
    "proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs", "bpf", "pstore", "efivarfs", "devpts",
    "binfmt_misc", "fusectl", "mqueue", "nsfs",
}  # fmt: skip
#: bytes of a file system and of memory that nobody may fill through a browser
_KEPT_FREE = 16 << 20
TOP = Path("/")
#: what the system says where a thing is not to be had, whoever asks
_FORBIDDEN = (errno.EPERM, errno.EACCES, errno.EROFS, errno.EBUSY, errno.ETXTBSY)


class Missing(Failure):
    """There is nothing at that path."""


class NoRoom(Failure):
    """What is to be written does not fit."""


@contextmanager
def parent(path: str, top: Path = TOP) -> Iterator[tuple[int, str]]:
    """The open directory in which the path below `top` lies, and its name there. Refused where a link is on the way;
    errors of the system as Failure with the path."""
    try:
        with directory.parent(top, path) as (place, name):
            yield place, name
    except NotADirectoryError:
        raise _explain_way(path, top) from None
    except OSError as error:
        raise named_error(error, path) from None


@contextmanager
def folder(path: str, top: Path = TOP) -> Iterator[int]:
    """The open directory at the path below `top` itself."""
    try:
        with directory.descriptor(top, path) as handle:
            yield handle
    except NotADirectoryError:
        raise _explain_way(path, top) from None
    except OSError as error:
        raise named_error(error, path) from None


def named_error(error: OSError, path: str) -> Failure:
    """An error of the system with the path that it is about: Missing where nothing is there, Refused where even root may not."""
    error.filename = f"/{spell(path)}"
    found = from_system(error)
    if error.errno == errno.ENOENT:
        return Missing(str(found))
    return Refused(str(found)) if error.errno in _FORBIDDEN else found


def file_system(handle: int) -> str:
    """The kind of the file system that an open directory lies in; "" if that is not known."""
    number = os.fstat(handle).st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        words = line.split()
        if words[2] == device:
            return words[words.index("-") + 1]
    return ""


def is_of_the_kernel(handle: int) -> bool:
    """Does the directory hold what the kernel shows of itself?"""
    return file_system(handle) in _OF_THE_KERNEL


def refuse_kernel(handle: int, path: str) -> None:
    """Refused where nothing is a file that anybody keeps."""
    if is_of_the_kernel(handle):
        raise Refused(f"/{spell(path)}: it shows the kernel, and is no file", "a terminal can write there")


def refuse_mounts(path: str, top: Path = TOP) -> None:
    """Refused where something is mounted there or below, and for what lies right below /."""
    if "/" not in path and top == TOP:
        raise Refused(f"/{spell(path)}: the node needs it where it is")
    whole = os.path.join(top, path)
    for line in Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines():
        mount = line.split()[1].encode("utf-8", "surrogateescape").decode("unicode_escape")
        place = mount.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
        if place == whole or place.startswith(f"{whole}/"):
            raise Refused(f"{spell(place)}: something is mounted there", f"umount {spell(place)}, in a terminal")


def require_room(handle: int, path: str, size: int = 0) -> None:
    """NoRoom where so many bytes would leave the file system, or memory that many are in, without room for others."""
    status = os.fstatvfs(handle)
    if min(status.f_bavail * status.f_frsize, _available_memory()) - size < _KEPT_FREE:
        raise NoRoom(f"/{spell(path)}: there is no room for it", "make room: `df /etc /run` says where there is none")


def kind_of(mode: int) -> str:
    """What it is in a word: file, directory, link, fifo, socket or device."""
    kinds = {
        stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "device")


def require_file(status: os.stat_result, path: str) -> None:
    """Refused for whatever is no file: reading it could wait for ever, writing it could do anything."""
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"/{spell(path)}: it is a {kind_of(status.st_mode)}, not a file")


def leads_to(path: str, top: Path = TOP) -> str | None:
    """Where the link at that path below `top` leads in the end; None where nothing is."""
    try:
        return os.path.realpath(os.path.join(top, path), strict=True)
    except OSError:
        return None


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 1 << 62


def _explain_way(path: str, top: Path) -> Failure:
    """Which part of the path is no directory."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        whole, shown = os.path.join(top, *parts[:count]), spell("/".join(parts[:count]))
        if target := _link_target(whole):
            end = leads_to("/".join(parts[:count]), top)
            hint = f"open {spell(os.path.join(end, *parts[count:]))}" if end else ""
            return Refused(f"/{shown}: it is a link to {spell(target)}", hint)
        if not os.path.isdir(whole):
            return Failure(f"/{shown}: it is no directory")
    return Failure(f"/{spell(path)}: it changed meanwhile", "try again")


def _link_target(path: str) -> str:
    """What a link says; "" for what is none, or none any more."""
    try:
        return os.readlink(path)
    except OSError:
        return ""
