"""A disk whose writes are logged, and one on which a state is tried; neither needs a guest.

The logged one: a file → QEMU's `blklogwrites` → an export by FUSE → a loop device. The tried one: a file in RAM behind a loop
device, which is written to while nothing is mounted from it.
"""

import ctypes
import mmap
import os
import select
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

_READ_ONLY, _NO_ATIME, _BIND = 1, 1024, 4096
_CLONE_NEWNS, _PRIVATE = 0x20000, 1 << 18 | 1 << 14
#: bytes that are put back and compared at once
_PAGE = 4096
_OPTIONS = b"errors=remount-ro"
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class LoggedDisk:
    """`device` is to be mounted; `log` grows with each write."""

    device: Path
    log: Path

    @property
    def log_size(self) -> int:
        """The bytes of the log now."""
        return self.log.stat().st_size


@contextmanager
def logged(image: Path, top: Path) -> Iterator[LoggedDisk]:
    """A device with what the file `image` holds; what is written goes there, too."""
    log = top / "log"
    log.write_bytes(b"")
    nodes = (
        f"driver=file,node-name=image,filename={image}", f"driver=file,node-name=log,filename={log}",
        "driver=blklogwrites,node-name=exported,file=image,log=log,log-sector-size=512",
    )  # fmt: skip
    with export(nodes, top) as file, loop_device(file) as device:
        yield LoggedDisk(device, log)


@contextmanager
def export(nodes: Iterable[str], top: Path, *words: str) -> Iterator[Path]:
    """A file that holds what QEMU's node named `exported` gives; `words` go to its daemon, too."""
    file, pid = top / "export", top / "pid"
    file.write_bytes(b"")
    argv = ["qemu-storage-daemon", *words, *(word for node in nodes for word in ("--blockdev", node))]
    argv += ["--export", f"type=fuse,id=export,node-name=exported,mountpoint={file},writable=on"]
    subprocess.run([*argv, "--pidfile", str(pid), "--daemonize"], check=True)
    try:
        yield file
    finally:
        _end(int(pid.read_text()))


def _end(daemon: int) -> None:
    handle, waiting = os.pidfd_open(daemon), select.poll()
    os.kill(daemon, signal.SIGTERM)
    waiting.register(handle, select.POLLIN)
    waiting.poll(10_000)
    os.close(handle)


@contextmanager
def loop_device(file: Path) -> Iterator[Path]:
    """A loop device for a file."""
    made = subprocess.run(["losetup", "--find", "--show", str(file)], check=True, capture_output=True, text=True)
    device = Path(made.stdout.strip())
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", str(device)], check=True)


def hide_mounts() -> None:
    """Have this process mount things for itself alone. Whoever else makes a mount namespace would take what is mounted along, and
    then a disk would still be mounted there, with what the kernel remembers of it, once it was unmounted here."""
    for failed in (_libc.unshare(_CLONE_NEWNS), _libc.mount(b"none", b"/", None, _PRIVATE, None)):
        if failed:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def bind(directory: Path, place: Path) -> None:
    """Have what lies in a directory lie at a place, too."""
    if _libc.mount(os.fsencode(directory), os.fsencode(place), None, _BIND, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))


@contextmanager
def mounted(device: Path, place: Path, *, write: bool = False) -> Iterator[Path]:
    """What is on the device, as /etc/fstab says; OSError if it cannot be mounted."""
    flags = _NO_ATIME | (0 if write else _READ_ONLY)
    if _libc.mount(os.fsencode(device), os.fsencode(place), b"ext4", flags, _OPTIONS):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(device))
    try:
        yield place
    finally:
        if _libc.umount2(os.fsencode(place), 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))


class TriedDisk:
    """A disk in RAM that is given one state after the other. `device` is to be mounted. Only the pages are put back that a log or a
    mount has touched, several at once: a state costs less than the mount does."""

    def __init__(self, file: Path, device: Path, content: bytes, touched: Iterable[int]) -> None:
        self.device = device
        self._handle = os.open(file, os.O_RDWR)
        self._memory = mmap.mmap(self._handle, len(content))
        self._content = bytearray(content)
        self._pages = {sector * 512 // _PAGE for sector in touched}
        self._runs = [*_runs(self._pages)]

    def close(self) -> None:
        """Let the file go."""
        self._memory.close()
        os.close(self._handle)

    def settle(self, sectors: dict[int, bytes]) -> None:
        """What all states from now on begin with."""
        for sector, data in sectors.items():
            self._content[sector * 512 : (sector + 1) * 512] = data

    def show(self, sectors: dict[int, bytes]) -> None:
        """Have the disk hold this state, whatever was done to it since the last one."""
        self._touch({sector * 512 // _PAGE for sector in sectors})
        content = memoryview(self._content)
        for start, end in self._runs:
            self._memory[start:end] = content[start:end]
        for sector, data in sectors.items():
            self._memory[sector * 512 : (sector + 1) * 512] = data

    def put_back(self) -> None:
        """Look at whatever the disk holds: what was written to it and is not put back by `show` is put back, from now on, too."""
        for start, end in list(_without(self._runs, _written(self._handle))):
            if self._memory[start:end] != self._content[start:end]:
                pages = range(start, end, _PAGE)
                self._touch(
                    {at // _PAGE for at in pages if self._memory[at : at + _PAGE] != self._content[at : at + _PAGE]}
                )

    def _touch(self, pages: set[int]) -> None:
        if not pages <= self._pages:
            self._pages |= pages
            self._runs = [*_runs(self._pages)]


def _runs(pages: set[int]) -> Iterator[tuple[int, int]]:
    """Where pages lie, in bytes from and to, those that follow each other together."""
    for _, found in groupby(enumerate(sorted(pages)), lambda each: each[1] - each[0]):
        run = [page for _, page in found]
        yield run[0] * _PAGE, (run[-1] + 1) * _PAGE


def write_sparsely(file: Path, content: bytes) -> None:
    """A file with this content, in which pages of zeros take no room: then it is known what else has been written to."""
    with file.open("wb") as out:
        out.truncate(len(content))
        for at in range(0, len(content), _PAGE):
            if any(piece := content[at : at + _PAGE]):
                out.seek(at)
                out.write(piece)


def _written(handle: int) -> Iterator[tuple[int, int]]:
    """The parts of a sparse file that hold something, from and to, in bytes."""
    start, size = 0, os.fstat(handle).st_size
    while start < size:
        try:
            start = os.lseek(handle, start, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, end
        start = end


def _without(runs: Sequence[tuple[int, int]], parts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of the parts lies in no run; both are in order."""
    waiting = iter(runs)
    run = next(waiting, None)
    for start, end in parts:
        while run is not None and run[0] < end:
            if run[0] > start:
                yield start, run[0]
            start = max(start, run[1])
            if run[1] > end:
                break
            run = next(waiting, None)
        if start < end:
            yield start, end
