"""The one place that starts other programs: argv lists, no shell, stdin closed, a small environment, a time limit, and a
limit to what is read of their words.

With VERBOSE in the environment each is shown on stderr as it is run, so that one can copy it; what it reads is not shown,
for there may be secrets in it. The programs set it for `-v` before a verb; daemons take it from their environment.

They run in /, wherever we are: haproxy's checker, which is not root, must be able to go back to where it began.
"""

import os
import select
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from errno import ENOSPC
from typing import TYPE_CHECKING, BinaryIO

from firmware import log
from firmware.errors import Failure, system_hint
from firmware.printable import spell_bytes

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process

#: the environment variable that has each command shown
VERBOSE = "FIRMWARE_VERBOSE"
#: where whoever wants to know notes the commands that are run for him
_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)
#: of them, at most
_MOST_NOTED = 500
#: bytes that are read of each stream
MAX_OUTPUT = 1 << 20

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished program left: its exit status (negative: the signal) and both streams, decoded."""

    status: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """What the program said, stderr first: what a person wants to read when it failed."""
        parts = [part.strip().replace("\r\n", "\n") for part in (self.stderr, self.stdout)]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take: bytes of memory, seconds of processor time, bytes that it writes."""

    memory: int
    seconds: int
    output: int


def run(
    argv: Sequence[str],
    *,
    timeout: float = 30.0,
    stdin: bytes = b"",
    check: bool = True,
    documents: Sequence[bytes] = (),
    limits: Limits | None = None,
) -> Result:
    """Run `argv` to its end. With `check`, a status other than 0 is a Failure that carries the program's words.

    `documents` are files in memory for it to read; their paths are its last arguments.
    """
    # Files in memory, not pipes: what it may write is limited with the size of its files, and we never read all of it.
    with ExitStack() as files:
        source, out, errors = (files.enter_context(_file_in_memory(data)) for data in (stdin, b"", b""))
        read = [files.enter_context(_file_in_memory(data)).fileno() for data in documents]
        command = [*_limit_command(limits), *argv, *(f"/proc/self/fd/{number}" for number in read)]
        _show(command, stdin)
        try:
            with subprocess.Popen(
                command, stdin=source, stdout=out, stderr=errors, cwd="/", env=environment(), pass_fds=read
            ) as process:
                _await_end(process, timeout)
        except FileNotFoundError:
            raise Failure(f"{argv[0]}: the program is not on this node") from None
        except TimeoutError:
            raise Failure(f"{argv[0]}: no end after {timeout:g} s") from None
        result = Result(process.returncode, _read_text(out), _read_text(errors))
    if check and result.status:
        said = result.output.removeprefix(f"{argv[0]}: ")
        raise Failure(f"{argv[0]}: {said or f'exit status {result.status}'}", _system_hint(said))
    return result


def filter_bytes(argv: Sequence[str], data: bytes, *, documents: Sequence[bytes], timeout: float = 120.0) -> bytes:
    """What a program makes of `data`, however much that is. Failure with its words if it fails; `documents` as in `run`."""
    with ExitStack() as files:
        source, out, errors = (files.enter_context(_file_in_memory(each)) for each in (data, b"", b""))
        read = [files.enter_context(_file_in_memory(each)).fileno() for each in documents]
        command = [*argv, *(f"/proc/self/fd/{number}" for number in read)]
        _show(command)
        try:
            with subprocess.Popen(
                command, stdin=source, stdout=out, stderr=errors, cwd="/", env=environment(), pass_fds=read
            ) as process:
                _await_end(process, timeout)
        except FileNotFoundError:
            raise Failure(f"{argv[0]}: the program is not on this node") from None
        except TimeoutError:
            raise Failure(f"{argv[0]}: no end after {timeout:g} s") from None
        if process.returncode:
            raise Failure(f"{argv[0]}: {_read_text(errors).strip() or f'exit status {process.returncode}'}")
        out.seek(0)
        return out.read()


def _system_hint(said: str) -> str:
    """What to do where a program found no room; "" for whatever else it says."""
    return system_hint(OSError(ENOSPC, "")) if os.strerror(ENOSPC) in said else ""


async def start_helper(argv: Sequence[str]) -> "Process":
    """Start a long-lived helper of a daemon; its stderr is a pipe, and it dies with the daemon."""
    import asyncio

    command = ["setpriv", "--pdeathsig", "TERM", *argv]
    _show(command)
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", env=environment(),
    )  # fmt: skip


def start_detached(script: str, word: str, *argv: str) -> int:
    """Start a process that outlives us: the execline `script`, in which $1 is `word` and $@ is `argv`. Returns its pid, by
    which its process group is known, too."""
    command = ["execlineb", "-s1", "-c", script, word, *argv]
    _show(command)
    return subprocess.Popen(
        command, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env=environment(),
    ).pid  # fmt: skip


def start_on(
    argv: Sequence[str],
    *,
    stdin: int,
    output: int,
    errors: int,
    passed: Sequence[int] = (),
    more: Mapping[str, str] | None = None,
) -> int:
    """Start a program on descriptors of ours, whose words somebody reads as they come; returns its pid, for which the caller
    waits. It has those that are `passed` from number 3 on, and `more` in its environment. No signal is ignored in it, whatever
    we ignore."""
    _show(argv)
    handles = enumerate((stdin, output, errors, *passed))
    onto = [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in handles]
    signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    try:
        return os.posix_spawnp(
            argv[0],
            list(argv),
            {**environment(), **(more or {})},
            file_actions=onto,
            setsigdef=signals,
            setsigmask=(),
        )
    except FileNotFoundError:
        raise Failure(f"{argv[0]}: the program is not on this node") from None


async def wait_for_end(process: "Process") -> None:
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


async def read_lines(stream: "StreamReader | None") -> AsyncIterator[str]:
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


def _limit_command(limits: Limits | None) -> list[str]:
    if limits is None:
        return []
    bounds = f"--as={limits.memory}", f"--cpu={limits.seconds}", f"--fsize={limits.output}", "--core=0"
    return ["prlimit", *bounds, "--"]


@contextmanager
def note_commands() -> Iterator[list[str]]:
    """Have the commands noted that are run in here, and in threads that are started for it (`asyncio.to_thread`), each as a line
    that can be copied into a shell."""
    lines: list[str] = []
    before = _noted.set(lines)
    try:
        yield lines
    finally:
        _noted.reset(before)


def _show(argv: Sequence[str], stdin: bytes = b"") -> None:
    noted, is_verbose = _noted.get(), bool(os.environ.get(VERBOSE))
    if noted is None and not is_verbose:
        return
    import shlex

    line = f"+ {shlex.join(argv)}" + (f"  # {len(stdin)} bytes on stdin" if stdin else "")
    if is_verbose:
        log.line(line)
    if noted is not None and len(noted) < _MOST_NOTED:
        noted.append(line)


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


def _file_in_memory(data: bytes = b"") -> BinaryIO:
    file = os.fdopen(os.memfd_create("words"), "w+b")
    file.write(data)
    file.seek(0)
    return file


def _read_text(file: BinaryIO) -> str:
    return spell_bytes(os.pread(file.fileno(), MAX_OUTPUT, 0))
