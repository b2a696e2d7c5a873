"""How a command gets into a node. Few imports: a test runs hundreds of commands."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import kernel
import privileges

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def environment() -> dict[str, str]:
    """What a program on a node sees; of the host's own environment only the terminal's name."""
    host = {"TERM": os.environ["TERM"]} if "TERM" in os.environ else {}
    locale = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return {"PATH": PATH, "HOME": "/root", "HOSTNAME": os.uname().nodename, **locale, **host}


def execute(pidfd: int, argv: list[str]) -> int:
    """Run a command in the node whose init this is; the streams are ours. Returns the exit status as a shell has it.

    The command ends when we do, and gets the signals that we get.
    """
    kernel.enter(pidfd, kernel.NODE | kernel.NEWPID)
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # the command may be seen before we are ready to forward
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        _exec_command(argv)
    for number in (signal.SIGINT, signal.SIGQUIT):  # the terminal sends them to the command, too
        signal.signal(number, signal.SIG_IGN)

    def forward(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _exec_command(argv: list[str]) -> NoReturn:
    status = 126
    try:
        kernel.die_with_parent(signal.SIGKILL)
        # A background job of a shell ignores the first two, Python the others.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.chdir("/root" if os.path.isdir("/root") else "/")
        os.umask(0o022)
        os.closerange(3, 1 << 16)
        privileges.give_up()
        os.execvpe(argv[0], argv, environment())
    except FileNotFoundError:
        print(f"nodes: {argv[0]}: command not found", file=sys.stderr, flush=True)
        status = 127
    except (OSError, ValueError) as error:
        print(f"nodes: {argv[0]}: {error}", file=sys.stderr, flush=True)
    os._exit(status)
