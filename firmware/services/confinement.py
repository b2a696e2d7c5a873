"""What a daemon or checker that is not root gets to see of the node: it runs what a peer may have written.

Its account can write to nothing but to what is its own: the directories that all may write to are private and small, and
vanish with it, and so are its terminals; /etc is read-only, so that nobody can put a link where root will look next; the
flash is not there.

A shell does the mounts, each of them or none: its script is ours, what comes from elsewhere stays an argument.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from firmware.services import private_network
from firmware.services.definition import Argv

#: where everybody may write; those that a node has
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")

_TMPFS = "mount -t tmpfs -o size=16m,nr_inodes=4096,mode=1777,nosuid,nodev none {}"
_READ_ONLY = "mount -o bind,ro /etc /etc"
#: terminals are counted, too, and an account could take all of them: administrators would get none
_TERMINALS = "[ ! -e /dev/pts/ptmx ] || mount -t devpts -o newinstance,ptmxmode=0666,mode=0600,max=64,nosuid,noexec none /dev/pts"
_OVERLAY = 'mount -o bind,ro "$1" "$2"; shift 2'
_NO_FLASH = "umount -l /flash 2>/dev/null || :"
_FIRST_TO_GO = "echo 1000 >/proc/self/oom_score_adj"

#: how many files a daemon and its checker may open if they ask for them; haproxy derives from it how many connections it
#: takes. Where the kernel allows fewer, it is what was allowed before
OPEN_FILES_LIMIT = "ulimit -H -n 131072 2>/dev/null || :"

#: for every process of a checker, which has no more processor time than it has time; the real ones take a tenth
_LIMITS = ("--as=4294967296", "--fsize=16777216", "--nproc=1024", "--core=0")


def daemon_command(argv: Argv) -> Argv:
    """`argv` in namespaces of its own for mounts and IPC, by exec alone: the pid stays, and nothing stands between it and s6.

    What is mounted later does not appear in it, or goes again when it is unmounted: the daemon keeps no device busy.
    """
    return [
        *_unshare_command("--ipc"),
        *_shell_command([_READ_ONLY, *_private_mounts(), _TERMINALS, _NO_FLASH], 'exec "$@"'),
        *argv,
    ]


def checker_command(
    argv: Argv, overlays: Mapping[Path, Path], empty: Sequence[str], seconds: float, *, alone: bool = False
) -> Argv:
    """`argv` with namespaces of its own for mounts, processes and IPC, limits, and no terminal to type into.

    It sees the directories `empty` empty, and those in `overlays` in the place of others (target → source). The first process
    is the shell: when the checker ends, or we do, all that it started is killed. Where memory runs out, it is the first to go.
    If it is to be `alone`, it has a network of its own, too (see `private_network`).
    """
    network = private_network.setup_steps() if alone else []
    steps = [
        OPEN_FILES_LIMIT,
        _FIRST_TO_GO,
        *network,
        _READ_ONLY,
        *_private_mounts(*empty),
        _TERMINALS,
        _NO_FLASH,
        *([_OVERLAY] * len(overlays)),
    ]
    mounts = [str(path) for target, source in overlays.items() for path in (source, target)]
    return [
        "setpriv", "--pdeathsig", "KILL", "--",
        *_unshare_command("--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", *(["--net"] * alone)), "setsid",
        *_shell_command(steps, '"$@" || exit $?'), *mounts,
        "prlimit", *_LIMITS, f"--cpu={int(seconds)}", "--", *argv,
    ]  # fmt: skip


def _unshare_command(*more: str) -> Argv:
    return ["unshare", "--mount", "--propagation", "slave", *more, "--"]


def _private_mounts(*more: str) -> list[str]:
    return [_TMPFS.format(place) for place in (*SHARED, *more) if os.path.isdir(place)]


def _shell_command(steps: Sequence[str], last: str) -> Argv:
    return ["sh", "-ec", "; ".join([*steps, last]), "sh"]
