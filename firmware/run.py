"""The one place that starts other programs: argv lists, no shell, stdin closed, a small environment, a time limit, and a
limit to what is read of their words.

They run in /, wherever we are: haproxy's checker, which is not root, must be able to go back to where it began.
"""

import os
import select
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from firmware.errors import Failure

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process

#: bytes that are read of each stream
LONGEST = 1 << 20

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished program left: its exit status (negative: the signal) and both streams, decoded."""

    status: int
    stdout: str
    stderr: str

    @property
    def words(self) -> str:
        """What the program said, stderr first: what a person wants to read when it failed."""
        parts = [part.strip().replace("\r\n", "\n") for part in (self.stderr, self.stdout)]
        return "\n".join(part for part in parts if part)


def run(argv: Sequence[str], *, timeout: float = 30.0, stdin: bytes = b"", check: bool = True) -> Result:
    """Run `argv` to its end. With `check`, a status other than 0 is a Failure that carries the program's words."""
    # Files in memory, not pipes: what it may write is limited with the size of its files, and we never read all of it.
    with _in_memory(stdin) as given, _in_memory() as out, _in_memory() as words:
        try:
            with subprocess.Popen(argv, stdin=given, stdout=out, stderr=words, cwd="/", env=environment()) as process:
                _await_end(process, timeout)
        except FileNotFoundError:
            raise Failure(f"{argv[0]}: the program is not on this node") from None
        except TimeoutError:
            raise Failure(f"{argv[0]}: no end after {timeout:g} s") from None
        result = Result(process.returncode, _text(out), _text(words))
    if check and result.status:
        raise Failure(f"{argv[0]}: {result.words.removeprefix(f'{argv[0]}: ') or f'exit status {result.status}'}")
    return result


async def spawn(argv: Sequence[str]) -> "Process":
    """Start a long-lived helper of a daemon; its stderr is a pipe, and it dies with the daemon."""
    import asyncio

    return await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", *argv,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", env=environment(),
    )  # fmt: skip


def leave(script: str, word: str, *argv: str) -> None:
    """Leave a process behind that outlives us: the execline `script`, in which $1 is `word` and $@ is `argv`."""
    subprocess.Popen(
        ["setsid", "execlineb", "-s1", "-c", script, word, *argv],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env=environment(),
    )  # fmt: skip


async def ended(process: "Process") -> None:
    """Wait for the end of a helper itself; asyncio waits for all who hold its pipes, too."""
    import asyncio

    handle, gone = os.pidfd_open(process.pid), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def lines(stream: "StreamReader | None") -> AsyncIterator[str]:
    """What a helper says, line by line. Lines that nobody would read to their end are left out."""
    assert stream is not None
    while True:
        with suppress(ValueError):  # so asyncio says that a line is longer than its buffer
            if not (line := await stream.readline()):
                return
            yield line.decode("utf-8", "replace").strip()


def environment() -> dict[str, str]:
    """What a program of ours gets to see of our own environment: the search path, the locale, the terminal."""
    kept = {name: os.environ[name] for name in ("TERM", "TZ") if name in os.environ}
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", **kept}


def _await_end(process: "subprocess.Popen[bytes]", timeout: float) -> None:
    """Wait without looking again and again. Killed, if we cannot wait for the end; TimeoutError, if it is too far off."""
    handle = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        if not waiting.poll(timeout * 1000):
            raise TimeoutError
    except BaseException:
        process.kill()
        raise
    finally:
        os.close(handle)


def _in_memory(data: bytes = b"") -> BinaryIO:
    file = os.fdopen(os.memfd_create("words"), "w+b")
    file.write(data)
    file.seek(0)
    return file


def _text(file: BinaryIO) -> str:
    return os.pread(file.fileno(), LONGEST, 0).decode("utf-8", "backslashreplace")
