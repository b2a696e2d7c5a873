"""The one place that starts other programs: argv lists, no shell, stdin closed, a small environment, a time limit.

They run in /, wherever we are: haproxy's checker, which is not root, must be able to go back to where it began.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware.errors import Failure

if TYPE_CHECKING:
    from asyncio.subprocess import Process

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
        return "\n".join(part.strip() for part in (self.stderr, self.stdout) if part.strip())


def run(argv: Sequence[str], *, timeout: float = 30.0, stdin: bytes = b"", check: bool = True) -> Result:
    """Run `argv` to its end. With `check`, a status other than 0 is a Failure that carries the program's words."""
    try:
        done = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=timeout, cwd="/", env=environment())
    except FileNotFoundError:
        raise Failure(f"{argv[0]}: the program is not on this node") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{argv[0]}: no end after {timeout:g} s") from None
    result = Result(done.returncode, _text(done.stdout), _text(done.stderr))
    if check and result.status:
        raise Failure(f"{argv[0]}: {result.words or f'exit status {result.status}'}")
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


def environment() -> dict[str, str]:
    """What a program of ours gets to see of our own environment: the search path, the locale, the terminal."""
    kept = {name: os.environ[name] for name in ("TERM", "TZ") if name in os.environ}
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", **kept}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
