"""What a daemon or checker that is not root gets to see of the node: it runs what a peer may have written.

Its account can write to nothing but to what is its own: the directories that all may write to are private and small, and
vanish with it; /etc is read-only, so that nobody can put a link where root will look next; the flash is not there.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from firmware.services.definition import Argv

#: where everybody may write; those that a node has
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")

#: what such a directory holds at the most
_EMPTY = "size=16m,nr_inodes=4096,mode=1777,nosuid,nodev"

#: for every process of a checker; much for maps and certificates by the thousand, and no more than its time in seconds
_LIMITS = ("--as=4294967296", "--fsize=16777216", "--nproc=1024", "--core=0")


def daemon(argv: Argv) -> Argv:
    """`argv` in a mount namespace of its own, by exec alone: the pid stays, and nothing stands between it and s6.

    What is mounted later does not appear in it, or goes again when it is unmounted: the daemon keeps no device busy.
    """
    return [*_unshared(), *_script(_steps(), "$@", [], argv)]


def checker(argv: Argv, owns: str, staged: Path | None, empty: Sequence[str], seconds: float) -> Argv:
    """`argv` with namespaces of its own for mounts, processes and IPC, limits, and no terminal to type into.

    The directories `empty` are so, and `staged` lies in the place of `owns`. The first process is ours: when the checker
    ends, or we do, all that it started is killed. Where memory runs out, it is the first to go.
    """
    words = [str(staged), owns] if staged else []
    steps = [*_steps(), *map(_tmpfs, empty), *(["mount -o bind,ro $1 $2"] if staged else [])]
    return [
        "setpriv", "--pdeathsig", "KILL", "--", "choom", "-n", "1000", "--",
        "prlimit", *_LIMITS, f"--cpu={int(seconds)}", "--",
        *_unshared("--pid", "--fork", "--kill-child", "--mount-proc", "--ipc"), "setsid",
        *_script(steps, "if { $@ } exit", words, argv),
    ]  # fmt: skip


def _unshared(*more: str) -> Argv:
    return ["unshare", "--mount", "--propagation", "slave", *more, "--"]


def _steps() -> list[str]:
    return ["mount -o bind,ro /etc /etc", *(_tmpfs(place) for place in SHARED if os.path.isdir(place))]


def _tmpfs(place: str) -> str:
    return f"mount -t tmpfs -o {_EMPTY} none {place}"


def _script(steps: Sequence[str], last: str, words: Argv, argv: Argv) -> Argv:
    """The program execlineb does it, and nothing runs if a step fails: its script is ours, what comes from elsewhere stays
    an argument."""
    flash = "foreground { redirfd -w 2 /dev/null umount -l /flash } unexport ?"
    script = " ".join([*(f"if {{ {step} }}" for step in steps), flash, last])
    return ["execlineb", f"-s{len(words)}", "-c", script, *words, *argv]
