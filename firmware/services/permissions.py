"""What a service's account may reach: the directories that are made for it below /run, and the files that it owns."""

import os
import pwd
import stat
from pathlib import Path

from firmware import directory
from firmware.errors import Failure
from firmware.run import run
from firmware.services.definition import Account, Service


def make_runtime_directories(service: Service) -> None:
    """Make the directories that its daemon and its checker need, with its account as their owner: a file system of their
    own, so that it cannot fill /run."""
    uid, gid = account_ids(service.account)
    for name in service.runtime_directories:
        os.makedirs(name, mode=0o755, exist_ok=True)
        if uid and not os.path.ismount(name):
            bounds = f"size=16m,nr_inodes=4096,mode=755,uid={uid},gid={gid},nosuid,nodev,noexec"
            run(["mount", "-t", "tmpfs", "-o", bounds, "none", name])


def grant_read_access(service: Service, *, root: Path = Path("/")) -> None:
    """Let the service's account read what the service owns, through its group: operators drop keys as root, 0600.

    Only what the account could not read is touched, nothing is ever given to all, and neither a link nor a file that
    also has a name elsewhere is. No link is followed on the way to a file either, whoever puts one there meanwhile.
    """
    if service.account.user == "root" or not service.owns:
        return
    uid, gid = account_ids(service.account)
    top = root / service.owns.lstrip("/")
    if not top.is_dir() or top.is_symlink():
        return
    with directory.descriptor(top) as handle:
        for _, place, names in directory.walk(handle, lambda path: False):
            for name in (".", *names):
                _grant_path(name, place, uid, gid)


def account_ids(account: Account) -> tuple[int, int]:
    """The numbers of its user and of its group. Failure if this node has no such account."""
    try:
        entry = pwd.getpwnam(account.user)
    except KeyError:
        raise Failure(f"{account.user}: there is no such account on this node") from None
    return entry.pw_uid, entry.pw_gid


def _grant_path(name: str, directory_fd: int, uid: int, gid: int) -> None:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError:
        return  # a link, a socket, or gone again
    try:
        status = os.fstat(handle)
        is_directory = stat.S_ISDIR(status.st_mode)
        wanted = 0o5 if is_directory else 0o4
        if not is_directory and (status.st_nlink > 1 or not stat.S_ISREG(status.st_mode)):
            return
        if not _is_permitted(status, uid, gid, wanted):
            os.fchown(handle, -1, gid)
            os.fchmod(handle, status.st_mode & 0o777 | wanted << 3)
    finally:
        os.close(handle)


def _is_permitted(status: os.stat_result, uid: int, gid: int, wanted: int) -> bool:
    shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
    return status.st_mode >> shift & wanted == wanted
