"""What a unit consists of, found on the unit itself: `python3 -c … WHAT`; prints a list as JSON.

`rights`: files that everybody may write to, or that give their caller other rights; what a kernel's own file system
shows is not meant. `libraries`: programs and libraries that lack one. `programs`: those on PATH that do not start.
"""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KERNEL = ("/proc", "/sys", "/dev")
LOADER = re.compile(rb"/[ -~]*/ld-[ -~]*\.so[.0-9]*")
#: a program that is killed for one of these cannot run here: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSEGV, SIGSYS
FATAL = {-4, -5, -6, -7, -11, -31}
SECONDS = 20


def files(top: str, one_file_system: bool) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below `top`, with it."""
    device = os.lstat(top).st_dev
    for place, names, others in os.walk(top):
        names[:] = [name for name in names if os.path.join(place, name) not in KERNEL]
        if one_file_system:
            names[:] = [name for name in names if os.lstat(os.path.join(place, name)).st_dev == device]
        for path in (place, *(os.path.join(place, name) for name in (*names, *others))):
            try:
                yield path, os.lstat(path)
            except FileNotFoundError:  # it has just gone
                continue


def rights() -> Iterator[str]:
    """Paths with their modes."""
    for path, status in files("/", False):
        mode = status.st_mode
        shared = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
        private = stat.S_ISLNK(mode) or stat.S_ISSOCK(mode) or shared
        if (mode & 0o002 and not private) or (mode & 0o6000 and not stat.S_ISDIR(mode)):
            yield f"{stat.filemode(mode)} {path}"


def linked() -> Iterator[str]:
    """Programs and libraries that the dynamic loader has to do with."""
    for path, status in files("/usr", True):
        if stat.S_ISREG(status.st_mode) and not path.endswith(".ko"):
            with open(path, "rb") as file:
                start = file.read(18)
            if start[:4] == b"\x7fELF" and start[16] in (2, 3) and _is_dynamic(path):
                yield path


def _is_dynamic(path: str) -> bool:
    data = Path(path).read_bytes()
    table, size, count = (
        int.from_bytes(data[32:40], "little"),
        *(int.from_bytes(data[at : at + 2], "little") for at in (54, 56)),
    )
    return any(data[table + at * size] == 2 for at in range(count))


def libraries() -> Iterator[str]:
    """What the loader says of those that it cannot load."""
    found = LOADER.search(Path(sys.executable).read_bytes())
    assert found, "python3 names no dynamic loader"
    loader = found[0].decode()

    def tell(path: str) -> str:
        done = subprocess.run([loader, "--list", path], capture_output=True, text=True)
        missing = [line.strip() for line in done.stdout.splitlines() if "not found" in line]
        return f"{path}: {done.stderr.strip()} {missing}" if done.returncode or missing else ""

    paths = [path for path in linked() if os.path.basename(path) != os.path.basename(loader)]
    assert len(paths) > 50
    with ThreadPoolExecutor(2) as pool:
        yield from filter(None, pool.map(tell, paths))


def programs() -> Iterator[str]:
    """How those ended that could not be started."""
    places = {os.path.realpath(place) for place in os.environ["PATH"].split(":") if os.path.isdir(place)}
    paths = [os.path.join(place, name) for place in sorted(places) for name in sorted(os.listdir(place))]
    assert len(paths) > 100
    with ThreadPoolExecutor(2) as pool:
        yield from filter(None, pool.map(_start, [path for path in paths if os.access(path, os.X_OK)]))


def _start(path: str) -> str:
    """What is wrong with a program, or nothing. One that goes on and on has started."""
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    try:
        with subprocess.Popen(
            [path, "--help"], stdin=null, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True, cwd="/tmp"
        ) as process:
            try:
                words = process.communicate(timeout=SECONDS)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    # Some take --help for a program to be run.
    missing = process.returncode == 127 and b"--help" not in words
    if missing or process.returncode in FATAL or b"shared libraries" in words or b"symbol lookup" in words:
        return f"{path}: exit status {process.returncode}: {words[-300:].decode(errors='replace')}"
    return ""


if __name__ == "__main__":
    print(json.dumps(list({"rights": rights, "libraries": libraries, "programs": programs}[sys.argv[1]]())))
